"""The plan of a job, written before it begins: all its sounds, divided into parts."""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import IO, Any, Final, Literal

from hearfelt.batch.infrastructure_errors import temporary_disk
from hearfelt.batch.sources import Source
from hearfelt.batch.storage import open_file, write_file
from hearfelt.errors import HearfeltError
from hearfelt.runtime.execution import Advance

__all__ = [
    "FORMAT",
    "PARTS",
    "PLAN",
    "JobPlan",
    "Part",
    "Size",
    "Stage",
    "fingerprint",
    "read_parts",
    "read_plan",
    "write_parts",
    "write_plan",
]

Stage = Literal["part", "statistics"]

FORMAT: Final = 4  # of the files in a folder of parts
PLAN: Final = "plan.json"
PARTS: Final = "plan.jsonl"
MOST_SOURCES: Final = 1_000  # in a part
MOST_SECONDS: Final = 7_200.0  # of sound in a part, a minute of work for one core: what an interruption costs at most
_PARTS_OF_SMALL: Final = 64  # a small job has so many parts, so that its workers end together
_BLOCK: Final = 32  # parts; within it sounds of like length share a part, and so many parts are put in order at once


@dataclass(frozen=True)
class Part:
    """Sounds that one worker recognizes, and whose rows come into one file.

    Attributes:
        number: counted from 0.
        block: parts of one block hold neighbours; blocks follow each other in the table.
        positions: of each sound in the whole job, counted from 0, ascending.
        sources: the sounds.
        stage: what its file holds: ``"part"`` of the table, or ``"statistics"`` for references.
    """

    number: int
    block: int
    positions: tuple[int, ...]
    sources: tuple[Source, ...]
    stage: Stage = "part"

    @property
    def name(self) -> str:
        """Name of the file with its rows."""
        return f"{self.stage}-{self.number:07d}.jsonl"

    @property
    def seconds(self) -> float:
        """Guessed length of its sounds together."""
        return sum(source.seconds for source in self.sources)

    def to_json(self) -> str:
        """Write it as one line."""
        # Sounds of one setting have one reference, which is written once.
        references = {source.setting: source.reference for source in self.sources if source.reference is not None}
        numbered = zip(self.positions, self.sources, strict=True)
        rows = [[position, *asdict(replace(source, reference=None)).values()] for position, source in numbered]
        return json.dumps([self.number, self.block, rows, self.stage, references], separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str | bytes) -> Part:
        """Read what :meth:`to_json` wrote.

        Example:
            >>> part = Part(3, 0, (7,), (Source("a.wav", "/calls/a.wav", 2.5),))
            >>> Part.from_json(part.to_json()) == part
            True
        """
        number, block, rows, stage, references = json.loads(line)
        part = cls(number, block, tuple(row[0] for row in rows), tuple(Source(*row[1:]) for row in rows), stage)
        return part.with_references(references) if references else part

    def with_references(self, references: Mapping[str, str]) -> Part:
        """Give each sound the reference of its setting, if there is one."""
        sources = tuple(replace(source, reference=references.get(source.setting)) for source in self.sources)
        return replace(self, sources=sources)


@dataclass(frozen=True)
class Size:
    """The amount of work of a job.

    Attributes:
        sources: how many sounds.
        parts: in how many parts.
        seconds: how much sound, guessed from the sizes of files.
        has_times: whether some of the sounds are parts of longer ones.
    """

    sources: int
    parts: int
    seconds: float
    has_times: bool = False


@dataclass(frozen=True)
class JobPlan:
    """Description of a job: what its results depend on, and how much there is to do.

    Attributes:
        identity: what its results depend on: inputs, model, options. Parts of another identity must not be mixed in.
        model: name of the model.
        labels: the model's emotions, in its order.
        size: how many sounds and parts there are.
    """

    identity: dict[str, Any]
    model: str
    labels: tuple[str, ...]
    size: Size


def fingerprint(identity: dict[str, Any]) -> str:
    """Hash the identity of a job: 64 hexadecimal digits.

    Example:
        >>> fingerprint({"inputs": ["a"], "timeline": False}) == fingerprint({"timeline": False, "inputs": ["a"]})
        True
    """
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def write_parts(folder: str, sources: Iterable[Source], advance: Advance = lambda count: None) -> Size:
    """Divide all sources into parts, and write the parts.

    The list goes through a file, so that memory does not grow with it.

    Args:
        folder: gets ``plan.jsonl``.
        sources: what is to be recognized, in the order of the table.
        advance: called now and then with the number of sources just found.

    Returns:
        How much there is to do; nothing if there are no sources, and then nothing is written.
    """
    with temporary_disk():
        held = tempfile.TemporaryFile()  # noqa: SIM115 -- closed below
    with held as listing:
        count, seconds, has_times = 0, 0.0, False
        for source in sources:
            with temporary_disk():
                listing.write(json.dumps(list(asdict(source).values())).encode() + b"\n")
            count, seconds, has_times = count + 1, seconds + source.seconds, has_times or source.is_part
            if count % MOST_SOURCES == 0:
                advance(MOST_SOURCES)
        if not count:
            return Size(0, 0, 0.0)
        advance(count % MOST_SOURCES)
        with temporary_disk():
            listing.seek(0)
        parts = 0
        with write_file(f"{folder}/{PARTS}") as file:
            for part in _divided(listing, count, seconds):
                file.write(part.to_json().encode() + b"\n")
                parts += 1
    return Size(count, parts, round(seconds, 2), has_times)


def write_plan(folder: str, plan: JobPlan) -> None:
    """Write a plan beside its parts; from now on the job can be resumed."""
    with write_file(f"{folder}/{PLAN}") as file:
        file.write(json.dumps(asdict(plan), indent=1).encode() + b"\n")


def read_plan(folder: str) -> JobPlan:
    """Read the plan of a folder.

    Raises:
        HearfeltError: if there is none, or another hearfelt wrote it.
    """
    with open_file(f"{folder}/{PLAN}") as file:
        try:
            value = json.loads(file.read())
            known = value["identity"]["format"] == FORMAT
            plan = JobPlan(value["identity"], value["model"], tuple(value["labels"]), Size(**value["size"]))
        except (ValueError, TypeError, KeyError) as error:
            raise HearfeltError(f"{folder}/{PLAN}: this plan is damaged; --fresh begins anew") from error
    if not known:
        raise HearfeltError(f"{folder}: begun by another version of hearfelt; --fresh begins anew")
    return plan


def read_parts(folder: str) -> Iterator[Part]:
    """Read the parts of a plan one by one, in order."""
    with open_file(f"{folder}/{PARTS}") as file:
        for line in file:
            yield Part.from_json(line)


def _divided(listing: IO[bytes], count: int, seconds: float) -> Iterator[Part]:
    most_sources = min(MOST_SOURCES, math.ceil(count / _PARTS_OF_SMALL))
    most_seconds = min(MOST_SECONDS, max(1.0, 2 * seconds / _PARTS_OF_SMALL))
    number = 0
    for block, lines in enumerate(_blocks(listing, most_sources * _BLOCK, most_seconds * _BLOCK)):
        # The longest first: what is left at the end is short, and no worker waits for another.
        lines.sort(key=lambda one: (-one[1].seconds, one[0]))
        for chosen in _cut(lines, most_sources, most_seconds):
            chosen.sort(key=lambda one: one[0])
            positions, chosen_sources = zip(*chosen, strict=True)
            yield Part(number, block, positions, chosen_sources)
            number += 1


_Numbered = tuple[int, Source]


def _blocks(listing: IO[bytes], most_sources: int, most_seconds: float) -> Iterator[list[_Numbered]]:
    numbered = ((position, Source(*json.loads(line))) for position, line in enumerate(listing))
    for first in numbered:
        block, seconds = [first], first[1].seconds
        for one in islice(numbered, most_sources - 1):
            block.append(one)
            seconds += one[1].seconds
            if seconds >= most_seconds:
                break
        yield block


def _cut(lines: list[_Numbered], most_sources: int, most_seconds: float) -> Iterator[list[_Numbered]]:
    part: list[_Numbered] = []
    seconds = 0.0
    for one in lines:
        if part and (len(part) >= most_sources or seconds + one[1].seconds > most_seconds):
            yield part
            part, seconds = [], 0.0
        part.append(one)
        seconds += one[1].seconds
    yield part
