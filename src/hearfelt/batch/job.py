"""Batch job: many sounds, one table; an interrupted job is resumed by the same command.

A job can make references of its own sounds: one for each folder, or for each value of a column.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import tee
from pathlib import Path
from typing import Any, Final

from hearfelt.batch.checkpoints import (
    FINISHED,
    check_folder,
    clear,
    finish,
    finished_job,
    folder_of,
    locked_folder,
    merged_rows,
    open_part,
    read_rows,
    remove_leftovers,
)
from hearfelt.batch.plan import (
    FORMAT,
    PLAN,
    JobPlan,
    Part,
    Stage,
    fingerprint,
    read_parts,
    read_plan,
    write_parts,
    write_plan,
)
from hearfelt.batch.recognition import Channels, SoundWorkers, Task
from hearfelt.batch.sources import Source, find_sources
from hearfelt.batch.storage import (
    absolute,
    digest_of,
    is_folder,
    is_there,
    names_in,
    remove,
    same_as,
    shown,
    write_file,
)
from hearfelt.corpora.tables import is_table
from hearfelt.errors import HearfeltError, ModelError
from hearfelt.inference.recognizer import DEFAULT_MODEL, model_path
from hearfelt.inference.reference import HASH_DIGITS, Reference, ReferenceBuilder, SoundStatistics
from hearfelt.results.tables import table_format, write_rows
from hearfelt.rows import PART_ROW, PREDICTION_ROW, SEGMENT_ROW
from hearfelt.runtime.execution import Advance, Progress, no_progress
from hearfelt.runtime.pool import usable_cores

__all__ = ["SELF", "Job", "Outcome", "recognize_parts", "references_by_setting", "run_job"]


SELF: Final = "self"

_FILES_OF_A_PLAN: Final = 2  # any more are parts


@dataclass(frozen=True)
class Job:
    """What is wanted; two jobs with the same values give the same table.

    Attributes:
        inputs: files, folders, patterns, tables that name a sound in each row, or addresses in a store.
        out: the table, a path or an address that ends in ``.parquet``, ``.csv`` or ``.jsonl``.
        model: a name or a file; by default the shipped model.
        timeline: whether a row is a segment, and not a whole sound.
        channels: for segments: of all channels mixed, or of each.
        track: which audio track of each file is read, counted from 0; by default the file's own choice.
        root: where the paths in tables start; by default at each table's own folder.
        reference: JSON of what is usual for all sounds, or :data:`SELF`: the sounds of each folder are their own
            reference.
        reference_by: with :data:`SELF`: column of the tables that says instead which sounds belong together.
    """

    inputs: tuple[str, ...]
    out: str
    model: str | None = None
    timeline: bool = False
    channels: Channels = "mix"
    track: int | None = None
    root: str | None = None
    reference: str | None = None
    reference_by: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Result of a job.

    Attributes:
        sources: how many sounds it has; None if the table was complete before, and only had to be tidied up after.
        rows: how many rows the table has; None likewise.
        failed: how many of them say what stood in the way; None likewise.
        done_before: how many sounds an earlier run had done.
        remarks: sentences about the inputs, such as sounds that are named twice.
    """

    sources: int | None
    rows: int | None
    failed: int | None
    done_before: int = 0
    remarks: tuple[str, ...] = ()


def run_job(
    job: Job,
    *,
    workers: int | None = None,
    ray: str | None = None,
    fresh: bool = False,
    progress: Progress = no_progress,
) -> Outcome:
    """Recognize every sound of a job and write one table, however often that is interrupted.

    What is done lies beside the table, in a folder with its name and ``.parts``, and goes away when the table is
    written. The same job takes up what it finds there. Another job, a changed model or another option, is refused.

    Args:
        job: what is wanted.
        workers: processes, by default one for each core; on Ray, the most that may work at once.
        ray: ``"auto"``, ``"local"`` or the address of a Ray cluster, to let that do the work.
        fresh: throw away what was done before, and begin anew.
        progress: shows its stages.

    Raises:
        HearfeltError: if an input is not there, or the table cannot be written.
        ModelError: if the model cannot be loaded.
        ExtraMissingError: if a package is missing, such as pyarrow for Parquet.
    """
    out = absolute(job.out)
    form = table_format(out)
    if is_folder(out):
        raise HearfeltError(f"{job.out}: this is a folder; name a file in it that ends in .{form}")
    reference = None if job.reference == SELF else job.reference
    model = str(model_path(job.model or DEFAULT_MODEL).absolute())
    task = Task(model, job.timeline, job.channels, job.track, reference)
    _refuse_to_write_over(job, task, out)
    folder = folder_of(out)
    with _errors_named(job.out), locked_folder(folder, out):
        remove_leftovers(folder)
        check_folder(folder, names_in(folder))
        if not fresh and _is_finished(job, task, folder, out):
            return Outcome(None, None, None)
        if fresh or PLAN not in names_in(folder):
            clear(folder)
        count = workers or usable_cores()
        with SoundWorkers(task, 1 if ray is not None else count) as sound_workers:
            remarks: list[str] = []
            with progress("listing sounds") as advance:  # meanwhile the first worker loads the model
                sources = find_sources(job.inputs, remarks.append, root=job.root, group_by=job.reference_by)
                plan = _planned(job, task, sound_workers, folder, _checked_sources(job, sources), advance)
            work = _Work(plan, folder, sound_workers, progress, ray, workers)
            before = work.recognize_all(task, is_own_reference=job.reference == SELF)
        with progress("writing the table"):
            rows, failed = _assembled(plan, folder, out, form)
        finish(folder, fingerprint(plan.identity))
    return Outcome(plan.size.sources, rows, failed, before, tuple(remarks))


@dataclass(frozen=True)
class _Work:
    """What is needed to recognize the parts of a plan, here or on a cluster."""

    plan: JobPlan
    folder: str
    sound_workers: SoundWorkers
    progress: Progress
    ray: str | None
    most_workers: int | None

    def recognize_all(self, task: Task, *, is_own_reference: bool) -> int:
        """Recognize what is left; return how many sounds were done before.

        The sounds that are their own reference are read twice: the statistics of all of them have to be known before
        the first is recognized.
        """
        before, parts = _left_of(self.folder, "part")
        if before == self.plan.size.sources:
            return before
        if is_own_reference:
            done, left = _left_of(self.folder, "statistics")
            self._answer("reading the references", left, replace(task, is_statistics=True), done)
            statistics = _parts_of(self.folder, "statistics")
            model_hash = self.plan.identity["model"][:HASH_DIGITS]
            references = references_by_setting(self.folder, statistics, self.plan, model_hash)
            parts = (part.with_references(references) for part in parts)
        self._answer("recognizing", parts, task, before)
        return before

    def _answer(self, label: str, parts: Iterator[Part], task: Task, done: int) -> None:
        with self.progress(label, self.plan.size.sources, done=done) as advance:
            if done == self.plan.size.sources:
                return
            if self.ray is None:
                recognize_parts(parts, self.sound_workers, self.folder, advance, task)
                return
            from hearfelt.batch.ray_cluster import recognize_on_ray

            self.sound_workers.close()
            recognize_on_ray(parts, self.folder, task, advance, address=self.ray, workers=self.most_workers)


def recognize_parts(
    parts: Iterator[Part], workers: SoundWorkers, folder: str, advance: Advance, task: Task | None = None
) -> None:
    """Recognize parts, and write each when it is complete; whatever interrupts this leaves the complete ones.

    Args:
        parts: what is left to do.
        workers: recognize them.
        folder: gets the parts.
        advance: called after each sound.
        task: what is done with them, by default what the workers were made for.

    Raises:
        OSError: if a part cannot be written.
        HearfeltError: as :meth:`SoundWorkers.recognize`.
    """
    ours, theirs = tee(parts)
    rows = workers.recognize((source for part in theirs for source in part.sources), task)
    for part in ours:
        with open_part(folder, part) as file:
            for _ in part.sources:
                file.add(next(rows))
                advance(1)


def _planned(
    job: Job, task: Task, workers: SoundWorkers, folder: str, sources: Iterator[Source], advance: Advance
) -> JobPlan:
    identity = _identity(job, task)
    if PLAN in names_in(folder):
        plan = read_plan(folder)
        _refuse_another(job, plan.identity, identity)
        return plan
    _refuse_reference(job, workers, identity)
    size = write_parts(folder, sources, advance)
    if not size.sources:
        inputs = shown(", ".join(job.inputs))
        raise HearfeltError(f"{inputs}: no sound is there; WAV, FLAC, OGG or MP3 files are wanted")
    plan = JobPlan(identity, workers.model, workers.labels, size)
    write_plan(folder, plan)
    return plan


def _refuse_reference(job: Job, workers: SoundWorkers, identity: dict[str, Any]) -> None:
    """Refuse a reference that does not fit the model, before anything is recognized."""
    if job.reference is None:
        return
    if not workers.takes_reference:
        raise ModelError(f"{workers.model}: this model file takes no reference recordings")
    if job.reference != SELF and Reference.from_json(job.reference).model_hash != identity["model"][:HASH_DIGITS]:
        raise ModelError(f"the reference is not for the model {workers.model}; make one with this model")


def _refuse_to_write_over(job: Job, task: Task, out: str) -> None:
    is_out = same_as(out)
    if is_out(task.model):
        raise HearfeltError(f"{job.out}: this is also the model; name another table")
    if any(is_out(absolute(given)) for given in job.inputs):
        raise _own_input(job)


def _checked_sources(job: Job, sources: Iterator[Source]) -> Iterator[Source]:
    """Pass on what was listed, and refuse what the table would be written over; links may lead to it."""
    is_out = same_as(absolute(job.out))
    for source in sources:
        if is_out(source.location):
            raise _own_input(job)
        yield source


def _own_input(job: Job) -> HearfeltError:
    return HearfeltError(
        f"{job.out}: this is also one of the inputs, and the table would be written over it; name another table"
    )


def _identity(job: Job, task: Task) -> dict[str, Any]:
    inputs = [absolute(given) for given in job.inputs]
    return {
        "format": FORMAT,
        "hearfelt": version("hearfelt"),
        "inputs": inputs,
        "tables": {
            location: digest_of(location) for location in inputs if is_table(location) and not _has_magic(location)
        },
        "root": None if job.root is None else absolute(job.root),
        "model": hashlib.sha256(Path(task.model).read_bytes()).hexdigest(),
        "timeline": job.timeline,
        "channels": job.channels if job.timeline else None,
        "track": job.track,
        "reference": job.reference,
        "reference_by": job.reference_by,
    }


_CHANGED: Final = {
    "hearfelt": "another version of hearfelt",
    "inputs": "other inputs",
    "tables": "another content of the table of sources",
    "root": "another root of its paths",
    "model": "another model",
    "timeline": "the other kind of row",
    "channels": "another choice of channels",
    "track": "another audio track",
    "reference": "another reference",
    "reference_by": "another column that says what belongs together",
}


def _refuse_another(job: Job, was: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [words for key, words in _CHANGED.items() if was.get(key) != now[key]]
    if changed:
        raise HearfeltError(
            f"{job.out}: what lies in {folder_of(job.out)} was begun with {' and '.join(changed)}, and results must not"
            " be mixed; name another table, or throw that away with --fresh"
        )


def _left_of(folder: str, stage: Stage) -> tuple[int, Iterator[Part]]:
    """Count the sounds that were done before, and give the parts that are left."""
    done = names_in(folder)
    before = 0
    for part in _parts_of(folder, stage) if len(done) > _FILES_OF_A_PLAN else ():
        before += len(part.positions) if part.name in done else 0
    return before, (part for part in _parts_of(folder, stage) if part.name not in done)


def _parts_of(folder: str, stage: Stage) -> Iterator[Part]:
    return (replace(part, stage=stage) for part in read_parts(folder))


def _assembled(plan: JobPlan, folder: str, out: str, form: str) -> tuple[int, int]:
    counts = [0, 0]
    has_times = plan.size.has_times and not plan.identity["timeline"]  # a segment has its own

    def rows() -> Iterator[dict[str, Any]]:
        for row in merged_rows(folder, plan.size.sources, with_times=has_times):
            counts[0] += 1
            counts[1] += "error" in row
            yield row

    names = SEGMENT_ROW if plan.identity["timeline"] else PART_ROW if has_times else PREDICTION_ROW
    facts = {"hearfelt": plan.identity["hearfelt"], "model": plan.model, "model_sha256": plan.identity["model"]}
    with write_file(out) as file:
        write_rows(rows(), plan.labels, names, file, form, facts=facts)
    return counts[0], counts[1]


def _is_finished(job: Job, task: Task, folder: str, out: str) -> bool:
    """Tell whether this very job was complete and only its parts are left, and tidy up after whichever it was."""
    names = names_in(folder)
    if FINISHED not in names:
        return False
    finished, own = finished_job(folder), fingerprint(_identity(job, task))
    begun = fingerprint(read_plan(folder).identity) if PLAN in names else finished
    is_complete = finished == own and is_there(out)
    if begun == finished and (is_complete or finished != own):
        clear(folder)
    else:  # what lies there is still wanted: by another job, or by this one, whose table was taken away
        remove(f"{folder}/{FINISHED}")
    return is_complete


def _has_magic(location: str) -> bool:
    return bool(set("*?[") & set(location))


@contextmanager
def _errors_named(out: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, HearfeltError):
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full; make room" if full else (error.strerror or str(error)).lower()
        raise HearfeltError(
            f"{error.filename or out}: cannot be written ({reason}); what is done stays, and the same command goes on"
        ) from error


def references_by_setting(folder: str, parts: Iterable[Part], plan: JobPlan, model_hash: str) -> dict[str, str]:
    """Make the reference of each setting from the statistics of its sounds.

    Args:
        folder: with the parts.
        parts: of the stage ``"statistics"``, all done.
        plan: of the job.
        model_hash: of the model's file, as references have it.

    Returns:
        The JSON of each setting's reference; a setting in which no sound can be read has none.
    """
    builders: dict[str, ReferenceBuilder] = {}
    for part in parts:
        for source, (_, rows) in zip(part.sources, read_rows(folder, part), strict=True):
            if source.setting and "statistics" in rows[0]:
                builders.setdefault(source.setting, ReferenceBuilder()).add(SoundStatistics.from_dict(rows[0]))
    return {
        setting: builder.reference(plan.model, model_hash, plan.labels).to_json()
        for setting, builder in builders.items()
    }
