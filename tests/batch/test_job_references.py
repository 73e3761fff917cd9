from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile

from hearfelt.batch.job import SELF, Job, run_job
from hearfelt.batch.plan import Part
from hearfelt.batch.sources import Source, find_sources
from hearfelt.errors import CorpusError, HearfeltError, ModelError
from hearfelt.inference.recognizer import Recognizer
from hearfelt.runtime.execution import Advance

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of six short recordings, one of low tones and one of high; each has one that cannot be read."""
    root = tmp_path_factory.mktemp("settings")
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    for folder, lowest_hz in (("low", 120), ("high", 900)):
        (root / folder).mkdir()
        for number in range(6):
            noise = np.random.default_rng(number).normal(0, 0.01, len(time_s))
            tone = 0.2 * np.sin(2 * np.pi * lowest_hz * 1.2**number * time_s)
            soundfile.write(root / folder / f"{number}.wav", tone + noise, RATE_HZ)
        (root / folder / "bad.wav").write_bytes(b"")
    return root


def answers(table: Path) -> dict[str, list[float]]:
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["error"]]
    return {row["source"]: [float(row[label]) for label in ("neutral", "calm", "angry", "sad")] for row in rows}


def expected(model: Path, groups: list[list[Path]]) -> dict[str, list[float]]:
    """What Python says to each sound, with the sounds of its group as the reference."""
    recognizer, found = Recognizer.load(model, threads=1), {}
    for group in groups:
        reference = recognizer.reference(group)
        for path in group:
            probabilities = recognizer.recognize(path, reference=reference).probabilities
            found[str(path)] = [probabilities[label] for label in ("neutral", "calm", "angry", "sad")]
    return found


def check(found: dict[str, list[float]], wanted: dict[str, list[float]]) -> None:
    assert found.keys() == wanted.keys()
    for source, probabilities in wanted.items():
        assert found[source] == pytest.approx(probabilities, abs=1e-3), source


def test_each_folder_is_its_own_reference(settings: Path, reference_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "emotions.csv"
    outcome = run_job(Job((str(settings),), str(table), str(reference_model), reference=SELF), workers=2)
    assert (outcome.rows, outcome.failed) == (14, 2)
    groups = [sorted((settings / folder).glob("[0-9].wav")) for folder in ("high", "low")]
    check(answers(table), expected(reference_model, groups))
    assert sorted(tmp_path.iterdir()) == [table]


def test_a_column_says_what_belongs_together(settings: Path, reference_model: Path, tmp_path: Path) -> None:
    lines = ["file,Speaker"]
    groups: list[list[Path]] = [[], []]
    for folder in ("low", "high"):
        for number in range(6):
            lines.append(f"{settings / folder / f'{number}.wav'},{number % 2}")
            groups[number % 2].append(settings / folder / f"{number}.wav")
    (tmp_path / "sounds.csv").write_text("\n".join(lines))
    table = tmp_path / "emotions.csv"
    job = Job((str(tmp_path / "sounds.csv"),), str(table), str(reference_model), reference=SELF, reference_by="Speaker")
    run_job(job, workers=1)
    check(answers(table), expected(reference_model, groups))


def test_a_sound_of_no_group_is_answered_without_a_reference(
    settings: Path, reference_model: Path, tmp_path: Path
) -> None:
    path = settings / "low" / "0.wav"
    (tmp_path / "sounds.csv").write_text(f"file,speaker\n{path},\n")
    table = tmp_path / "emotions.csv"
    job = Job((str(tmp_path / "sounds.csv"),), str(table), str(reference_model), reference=SELF, reference_by="speaker")
    run_job(job, workers=1)
    plain = Recognizer.load(reference_model).recognize(path).probabilities
    assert answers(table)[str(path)] == pytest.approx([plain[one] for one in ("neutral", "calm", "angry", "sad")])


def test_one_reference_for_all_and_in_timelines(settings: Path, reference_model: Path, tmp_path: Path) -> None:
    recognizer = Recognizer.load(reference_model, threads=1)
    reference = recognizer.reference(sorted((settings / "low").glob("[0-9].wav")))
    table = tmp_path / "emotions.csv"
    inputs = (str(settings / "high"),)
    run_job(Job(inputs, str(table), str(reference_model), reference=reference.to_json()), workers=1)
    path = settings / "high" / "3.wav"
    probabilities = recognizer.recognize(path, reference=reference).probabilities
    assert answers(table)[str(path)] == pytest.approx(
        [probabilities[one] for one in ("neutral", "calm", "angry", "sad")]
    )
    table = tmp_path / "segments.jsonl"
    short = recognizer.reference([path]).to_json()
    run_job(Job(inputs, str(table), str(reference_model), timeline=True, reference=short), workers=1)
    rows = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
    warned = [row for row in rows if "short_reference" in [warning["code"] for warning in row.get("warnings", [])]]
    assert len(warned) == 6  # nobody speaks in these tones, so each has one row


class _InterruptedError(Exception):
    pass


@pytest.mark.parametrize("label", ["reading the references", "recognizing"])
def test_an_interrupted_job_goes_on_with_the_same_answers(
    label: str, settings: Path, reference_model: Path, tmp_path: Path
) -> None:
    job = Job((str(settings),), str(tmp_path / "emotions.csv"), str(reference_model), reference=SELF)

    @contextmanager
    def interrupting(
        said: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
    ) -> Iterator[Advance]:
        count = 0

        def advance(more: int) -> None:
            nonlocal count
            count += more
            if said == label and count >= 9:
                raise _InterruptedError

        yield advance

    with pytest.raises(_InterruptedError):
        run_job(job, workers=1, progress=interrupting)
    outcome = run_job(job, workers=1)
    assert outcome.done_before == (0 if label != "recognizing" else outcome.done_before)
    groups = [sorted((settings / folder).glob("[0-9].wav")) for folder in ("high", "low")]
    check(answers(tmp_path / "emotions.csv"), expected(reference_model, groups))


def test_what_does_not_fit_is_refused_before_anything_is_answered(
    settings: Path, sound_model: Path, reference_model: Path, make_sound_model: Callable[..., bytes], tmp_path: Path
) -> None:
    table, inputs = str(tmp_path / "emotions.csv"), (str(settings),)
    with pytest.raises(ModelError, match="takes no reference"):
        run_job(Job(inputs, table, str(sound_model), reference=SELF), workers=1)
    other = Recognizer(make_sound_model({"name": "other"}, takes_reference=True))
    reference = other.reference([settings / "low" / "1.wav"]).to_json()
    with pytest.raises(ModelError, match="not for the model sound-toy"):
        run_job(Job(inputs, table, str(reference_model), reference=reference), workers=1)
    with pytest.raises(HearfeltError, match="no table, so it has no column speaker"):
        run_job(Job(inputs, table, str(reference_model), reference=SELF, reference_by="speaker"), workers=1)
    (tmp_path / "sounds.csv").write_text("file\na.wav\n")
    with pytest.raises(CorpusError, match="no column speaker"):
        list(find_sources([str(tmp_path / "sounds.csv")], group_by="speaker"))


def test_another_reference_is_not_mixed_in(settings: Path, reference_model: Path, tmp_path: Path) -> None:
    table = str(tmp_path / "emotions.csv")

    @contextmanager
    def interrupting(
        said: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
    ) -> Iterator[Advance]:
        def advance(more: int) -> None:
            if said == "recognizing":
                raise _InterruptedError

        yield advance

    with pytest.raises(_InterruptedError):
        run_job(Job((str(settings),), table, str(reference_model), reference=SELF), workers=1, progress=interrupting)
    with pytest.raises(HearfeltError, match="another reference"):
        run_job(Job((str(settings),), table, str(reference_model)), workers=1)


def test_a_part_keeps_the_reference_of_each_sound() -> None:
    sources = (Source("a.wav", "/low/a.wav"), Source("b.wav", "/high/b.wav"), Source("c.wav", "/low/c.wav"))
    part = Part(0, 0, (0, 1, 2), sources).with_references({"/low": "L"})
    assert [source.reference for source in part.sources] == ["L", None, "L"]
    assert Part.from_json(part.to_json()) == part
    assert part.to_json().count('"L"') == 1
