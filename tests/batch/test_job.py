from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow.parquet
import pytest
import soundfile

from hearfelt.audio.reader import audio_files, read_audio
from hearfelt.batch.checkpoints import folder_of
from hearfelt.batch.job import Job, Outcome, run_job
from hearfelt.errors import HearfeltError, ModelError
from hearfelt.inference.recognizer import Recognizer, shipped_models
from hearfelt.rows import columns, table_row
from hearfelt.runtime.execution import Advance, Progress

EXAMPLES = Path(__file__).parents[2] / "src" / "hearfelt" / "examples"
Program = Callable[..., "subprocess.CompletedProcess[str]"]
CLIPS, BROKEN = 24, 2  # as conftest.py makes them
KILLS = 8


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check(table: Path, one_by_one: Mapping[str, dict[str, float] | None]) -> None:
    """Nothing lost, nothing twice, nothing half, and every answer as the recognizer gives it."""
    found = rows(table)
    assert [row["source"] for row in found] == list(one_by_one)
    for row, wanted in zip(found, one_by_one.values(), strict=True):
        if wanted is None:
            assert row["error"].startswith(f"{row['source']}: ")
            assert row["emotion"] == row["confidence"] == row["unsure"] == row["duration_s"] == ""
            continue
        assert row["error"] == ""
        assert {label: float(row[label]) for label in wanted} == pytest.approx(wanted, abs=1e-5)
        assert row["emotion"] == max(wanted, key=lambda label: wanted[label])
        assert float(row["confidence"]) == pytest.approx(max(wanted.values()), abs=1e-5)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_answers_are_those_of_one_by_one_whatever_the_number_of_workers(
    workers: int, clips: Path, sound_model: Path, one_by_one: dict[str, dict[str, float] | None], tmp_path: Path
) -> None:
    table = tmp_path / "emotions.csv"
    outcome = run_job(Job((str(clips),), str(table), str(sound_model)), workers=workers)
    assert outcome == Outcome(CLIPS + BROKEN, CLIPS + BROKEN, BROKEN)
    check(table, one_by_one)
    assert sorted(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("model", shipped_models())
def test_the_answers_of_a_shipped_model_are_those_of_recognizing_with_four_threads(model: str, tmp_path: Path) -> None:
    recognizer = Recognizer.load(model, threads=4)
    alone = {str(path): dict(recognizer.recognize(path).probabilities) for path in audio_files(EXAMPLES)}
    table = tmp_path / "emotions.csv"
    run_job(Job((str(EXAMPLES),), str(table), model), workers=1)
    check(table, alone)


def test_all_formats_say_the_same(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    tables = {ending: tmp_path / f"emotions.{ending}" for ending in ("csv", "jsonl", "parquet")}
    for table in tables.values():
        run_job(Job((str(clips / "deep"),), str(table), str(sound_model)), workers=1)
    arrow = pyarrow.parquet.read_table(tables["parquet"])
    lines = [json.loads(line) for line in tables["jsonl"].read_text().splitlines()]
    labels = list(Recognizer.load(sound_model).labels)
    cells = [dict(zip(columns(labels), table_row(line, labels), strict=True)) for line in lines]
    assert arrow.to_pylist() == cells
    texts = [{name: "" if value is None else str(value) for name, value in row.items()} for row in cells]
    assert texts == rows(tables["csv"])
    facts = ["unsure", "warnings", "model", "duration_s", "error"]
    assert arrow.column_names == ["source", "emotion", "confidence", *labels, *facts]
    assert arrow.schema.metadata[b"model"] == b"sound-toy"


def files_in(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except FileNotFoundError:
        return 0


def test_killed_at_random_points_it_goes_on_with_nothing_lost_twice_or_half(
    clips: Path, sound_model: Path, one_by_one: dict[str, dict[str, float] | None], tmp_path: Path
) -> None:
    table = tmp_path / "emotions.csv"
    folder = Path(folder_of(str(table)))
    inputs = (str(clips),)
    code = (
        f"from hearfelt.batch.job import *; run_job(Job({inputs!r}, {str(table)!r}, {str(sound_model)!r}), workers=1)"
    )
    drawn = random.Random(11)
    for _ in range(KILLS):
        there = files_in(folder)
        wanted = there + drawn.choice((1, 1, 2, 2, 3))
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        while process.poll() is None and files_in(folder) < wanted:
            time.sleep(0.001)
        time.sleep(drawn.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if table.is_file():
            check(table, one_by_one)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    if not table.is_file() or folder.is_dir():  # the last but one was killed while it tidied up
        subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    check(table, one_by_one)
    assert sorted(tmp_path.iterdir()) == [table]


class Interrupting(Progress):
    """Interrupts the job when some sounds are answered."""

    def __init__(self, after: int) -> None:
        self.left = after

    @contextmanager
    def __call__(
        self, label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
    ) -> Iterator[Advance]:
        yield self.advance if label == "recognizing" else lambda count: None

    def advance(self, count: int) -> None:
        self.left -= count
        if self.left <= 0:
            raise KeyboardInterrupt


def begun(job: Job, after: int = 8) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_job(job, workers=1, progress=Interrupting(after))


def test_what_was_done_is_not_done_again(
    clips: Path, sound_model: Path, one_by_one: dict[str, dict[str, float] | None], tmp_path: Path
) -> None:
    job = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))
    begun(job)
    parts = {path: path.stat().st_mtime_ns for path in Path(folder_of(job.out)).glob("part-*")}
    assert len(parts) >= 6
    begun(job, after=4)
    assert all(path.stat().st_mtime_ns == when for path, when in parts.items())
    outcome = run_job(job, workers=2)
    assert outcome.done_before >= 9
    check(Path(job.out), one_by_one)


def test_another_model_or_option_is_not_mixed_in(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    job = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))
    begun(job)
    cases = {
        "another model": Job(job.inputs, job.out, "classic"),
        "the other kind of row and another choice of channels": Job(job.inputs, job.out, job.model, timeline=True),
        "other inputs": Job((str(clips / "deep"),), job.out, job.model),
    }
    for words, other in cases.items():
        with pytest.raises(HearfeltError, match=f"was begun with {words}, and results must not be mixed"):
            run_job(other, workers=1)
    outcome = run_job(cases["other inputs"], workers=1, fresh=True)
    assert outcome.done_before == 0
    assert len(rows(Path(job.out))) == outcome.sources


def test_parts_have_rows_with_their_times_and_whole_sounds_none(sound_model: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "calls.tsv", tmp_path / "emotions.parquet"
    place = EXAMPLES / "synthetic-neutral.flac"
    table.write_text(f"Source\tStart\tEnd\n{place}\t0.5\t1\n{place}\t1\t\n{place}\t\t\n{place}\t90\t91\n")
    outcome = run_job(Job((str(table),), str(out), str(sound_model)), workers=2)
    assert outcome == Outcome(4, 4, 1)
    found = pyarrow.parquet.read_table(out).to_pylist()
    assert list(found[0])[:4] == ["source", "start_s", "end_s", "emotion"]
    assert [(row["start_s"], row["end_s"]) for row in found] == [(0.5, 1.0), (1.0, None), (None, None), (90.0, 91.0)]
    recognizer = Recognizer.load(sound_model, threads=1)
    samples, rate_hz = soundfile.read(place, dtype="float32")
    for row, part in zip(found, (slice(rate_hz // 2, rate_hz), slice(rate_hz, None), slice(None)), strict=False):
        wanted = recognizer.recognize(samples[part], rate_hz).probabilities
        assert {label: row[label] for label in wanted} == pytest.approx(wanted, abs=1e-5)
    assert "begins after the sound" in found[3]["error"]
    segments = tmp_path / "segments.csv"
    run_job(Job((str(table),), str(segments), str(sound_model), timeline=True), workers=1)
    assert list(rows(segments)[0])[:4] == ["source", "channel", "start_s", "end_s"]


def test_another_root_is_not_mixed_in(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "calls.csv"
    table.write_text("\n".join(["clip", *(path.name for path in audio_files(clips))]), encoding="utf-8")
    out = str(tmp_path / "emotions.csv")
    begun(Job((str(table),), out, str(sound_model), root=str(clips)))
    with pytest.raises(HearfeltError, match="was begun with another root of its paths"):
        run_job(Job((str(table),), out, str(sound_model)), workers=1)


def test_a_changed_table_of_sources_is_not_mixed_in(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "calls.csv"
    names = [str(path) for path in audio_files(clips)]
    manifest.write_text("\n".join(["source", *names]), encoding="utf-8")
    job = Job((str(manifest),), str(tmp_path / "emotions.csv"), str(sound_model))
    begun(job)
    manifest.write_text("\n".join(["source", *names[1:]]), encoding="utf-8")
    with pytest.raises(HearfeltError, match="another content of the table of sources"):
        run_job(job, workers=1)


def test_a_finished_job_begins_anew(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(clips / "deep", tmp_path / "clips"))
    job = Job((str(copy),), str(tmp_path / "emotions.csv"), str(sound_model))
    first = run_job(job, workers=1)
    shutil.copy(next((copy / "er").glob("*.wav")), copy / "one-more.wav")
    assert run_job(job, workers=1).rows == (first.rows or 0) + 1


def killed_while_it_tidied_up(job: Job, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave the table whole, and beside it the mark of the job with everything that should be gone."""

    def killed(folder: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hearfelt.batch.checkpoints.clear", killed)
        with pytest.raises(KeyboardInterrupt):
            run_job(job, workers=1)
    return Path(folder_of(job.out))


@pytest.mark.parametrize("gone", ["nothing", "part-*", "p*"])
def test_a_job_that_was_killed_while_it_tidied_up_is_complete(
    gone: str, clips: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job((str(clips / "deep"),), str(tmp_path / "emotions.csv"), str(sound_model))
    folder = killed_while_it_tidied_up(job, monkeypatch)
    for path in folder.glob(gone):
        path.unlink()
    written = Path(job.out).stat()
    assert run_job(job) == Outcome(None, None, None)
    assert Path(job.out).stat().st_mtime_ns == written.st_mtime_ns
    assert [path.name for path in tmp_path.iterdir()] == ["emotions.csv"]


@pytest.mark.parametrize("gone", ["nothing", "p*"])
def test_that_another_job_is_complete_says_nothing_about_this_one(
    gone: str, clips: Path, sound_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Job((str(clips / "deep"),), str(tmp_path / "emotions.csv"), str(sound_model))
    others = {
        "inputs": Job((str(clips / "deep" / "er"),), first.out, first.model),
        "model": Job(first.inputs, first.out, "classic"),
        "kind of row": Job(first.inputs, first.out, first.model, timeline=True),
    }
    for other in others.values():
        folder = killed_while_it_tidied_up(first, monkeypatch)
        for path in folder.glob(gone):
            path.unlink()
        assert run_job(other, workers=1).done_before == 0
        run_job(Job(other.inputs, str(tmp_path / "wanted.csv"), other.model, other.timeline), workers=1)
        assert Path(first.out).read_bytes() == (tmp_path / "wanted.csv").read_bytes()
        assert not folder.exists()


def test_a_complete_job_whose_table_was_taken_away_writes_it_again(
    clips: Path,
    sound_model: Path,
    one_by_one: dict[str, dict[str, float] | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))
    folder = killed_while_it_tidied_up(job, monkeypatch)
    Path(job.out).unlink()
    next(folder.glob("part-*")).unlink()
    assert 0 < run_job(job, workers=1).done_before < CLIPS + BROKEN
    check(Path(job.out), one_by_one)
    assert not folder.exists()


@pytest.mark.parametrize("mark", ["0" * 64 + "\n", "\n", ""])
def test_the_mark_of_another_job_does_not_end_this_one_nor_cost_it_its_parts(
    mark: str, clips: Path, sound_model: Path, one_by_one: dict[str, dict[str, float] | None], tmp_path: Path
) -> None:
    job = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))
    begun(job)
    (Path(folder_of(job.out)) / "finished").write_text(mark)
    Path(job.out).write_text("another job's table")
    with pytest.raises(HearfeltError, match="was begun with other inputs"):
        run_job(Job((str(clips / "deep"),), job.out, job.model), workers=1)
    (Path(folder_of(job.out)) / "finished").write_text(mark)
    assert run_job(job, workers=1).done_before >= 7
    check(Path(job.out), one_by_one)


def test_a_complete_job_leaves_the_parts_of_another_that_is_not(
    clips: Path,
    sound_model: Path,
    one_by_one: dict[str, dict[str, float] | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))
    begun(other)
    kept = shutil.move(folder_of(other.out), tmp_path / "kept")
    complete = Job((str(clips / "deep"),), other.out, other.model)
    folder = killed_while_it_tidied_up(complete, monkeypatch)
    for path in folder.glob("p*"):
        path.unlink()
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    assert run_job(complete) == Outcome(None, None, None)
    assert {path.name for path in folder.iterdir()} == {path.name for path in Path(kept).iterdir()}
    assert run_job(other, workers=1).done_before >= 7
    check(Path(other.out), one_by_one)


@pytest.mark.parametrize("fresh", [False, True])
def test_what_no_batch_has_written_is_never_removed(
    fresh: bool, clips: Path, sound_model: Path, tmp_path: Path
) -> None:
    job = Job((str(clips / "deep"),), str(tmp_path / "emotions.csv"), str(sound_model))
    folder = Path(folder_of(job.out))
    folder.mkdir()
    (folder / "precious.wav").write_text("sound")
    (folder / "part-0000000.jsonl").write_text("")
    with pytest.raises(
        HearfeltError, match=r"emotions\.csv\.parts: precious\.wav is there, which is no part of a batch"
    ):
        run_job(job, workers=1, fresh=fresh)
    assert sorted(path.name for path in folder.iterdir()) == ["part-0000000.jsonl", "precious.wav"]


def test_leftovers_without_a_plan_are_not_taken_for_answers(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "emotions.csv"
    folder = Path(folder_of(str(table)))
    folder.mkdir()
    (folder / "part-0000000.jsonl").write_text('[0,[["never","sad"]]]\n')
    run_job(Job((str(clips / "deep"),), str(table), str(sound_model)), workers=1)
    assert all(row["source"] != "never" for row in rows(table))


def test_a_damaged_part_is_named(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    job = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))
    begun(job)
    part = sorted(Path(folder_of(job.out)).glob("part-*"))[0]
    part.write_bytes(part.read_bytes()[:20])
    with pytest.raises(HearfeltError, match=f"{part.name}: this part is damaged; remove it and run the same"):
        run_job(job, workers=1)
    part.unlink()
    assert run_job(job, workers=1).failed == BROKEN


def test_two_jobs_do_not_write_one_table(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    job = Job((str(clips),), str(tmp_path / "emotions.csv"), str(sound_model))

    class Second(Progress):
        said = ""

        @contextmanager
        def __call__(
            self, label: str, total: int | None = None, *, unit: Literal["items", "bytes"] = "items", done: int = 0
        ) -> Iterator[Advance]:
            with pytest.raises(HearfeltError) as refused:
                run_job(job, workers=1)
            Second.said = str(refused.value)
            yield lambda count: None

    run_job(job, workers=1, progress=Second())
    assert Second.said == f"{job.out}: another hearfelt is writing this table; wait until it is done"


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("folder.csv", "this is a folder; name a file in it that ends in .csv"),
        ("emotions.xlsx", "a table ends in .parquet, .csv or .jsonl"),
        ("taken.csv", "this is a file; a folder for the parts of"),
        ("text/emotions.csv", "cannot be written"),
    ],
)
def test_a_table_that_cannot_be_written_is_refused_before_anything_is_done(
    out: str, sentence: str, clips: Path, sound_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "taken.csv.parts").write_text("")
    (tmp_path / "text").write_text("")
    with pytest.raises(HearfeltError, match=sentence):
        run_job(Job((str(clips),), str(tmp_path / out), str(sound_model)), workers=1)


def _linked(listed: Path) -> Path:
    link = listed.with_name("link.csv")
    link.symlink_to(listed)
    return link


def _hard_linked(listed: Path) -> Path:
    link = listed.with_name("hard.csv")
    os.link(listed, link)
    return link


def _named_in_it(listed: Path) -> Path:
    out = listed.with_name("one-of-them.jsonl")
    out.write_text("precious")
    listed.write_text(f"{listed.read_text()}\n{out.name}\n")
    return out


@pytest.mark.parametrize("out_of", [lambda listed: listed, _linked, _hard_linked, _named_in_it])
def test_a_table_that_would_be_written_over_an_input_is_refused_and_the_input_stays(
    out_of: Callable[[Path], Path], clips: Path, sound_model: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "calls.csv"
    listed.write_text("\n".join(["source", *map(str, audio_files(clips / "deep"))]))
    out = out_of(listed)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for inputs in ((str(listed),), (str(clips / "deep"), f"{tmp_path}/call?.csv", str(listed))):
        with pytest.raises(HearfeltError, match=f"^{out}: this is also one of the inputs"):
            run_job(Job(inputs, str(out), str(sound_model)), workers=1)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_table_that_would_be_written_over_what_a_pattern_or_a_folder_gives_is_refused(
    sound_model: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    out = calls / "emotions.csv"
    out.write_text("precious")
    shutil.copy(audio_files(EXAMPLES)[0], calls / "a.flac")
    for inputs in (f"{calls}/*", f"{calls}/emotions.*"):
        with pytest.raises(HearfeltError, match="this is also one of the inputs"):
            run_job(Job((inputs,), str(out), str(sound_model)), workers=1)
    (calls / "b.wav").symlink_to(out)
    with pytest.raises(HearfeltError, match="this is also one of the inputs"):
        run_job(Job((str(calls),), str(out), str(sound_model)), workers=1)
    assert out.read_text() == "precious"
    assert sorted(path.name for path in calls.iterdir()) == ["a.flac", "b.wav", "emotions.csv"]


def test_a_table_that_would_be_written_over_the_model_is_refused(
    clips: Path, sound_model: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copy(sound_model, tmp_path / "model.csv"))
    with pytest.raises(HearfeltError, match=r"model\.csv: this is also the model"):
        run_job(Job((str(clips / "deep"),), str(model), str(model)), workers=1)
    assert model.read_bytes() == sound_model.read_bytes()


def test_an_old_table_that_is_no_input_is_written_over(clips: Path, sound_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "emotions.csv"
    out.write_text("old")
    assert run_job(Job((str(clips / "deep"),), str(out), str(sound_model)), workers=1).rows == len(rows(out))


def test_nothing_to_answer_is_refused(tmp_path: Path, sound_model: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(HearfeltError, match="empty: no sound is there"):
        run_job(Job((str(tmp_path / "empty"),), str(tmp_path / "a.csv"), str(sound_model)), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_model_that_cannot_be_loaded_is_refused(clips: Path, tmp_path: Path) -> None:
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        run_job(Job((str(clips),), str(tmp_path / "a.csv"), str(model)), workers=1)


def test_a_name_that_is_not_utf_8_is_answered_and_shown_with_its_bytes(sound_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    try:
        shutil.copy(audio_files(EXAMPLES)[0], folder / os.fsdecode(b"caf\xe9.flac"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (folder / os.fsdecode(b"br\xf6ken.flac")).write_bytes(b"")
    table = tmp_path / "emotions.parquet"
    assert run_job(Job((str(folder),), str(table), str(sound_model)), workers=1).failed == 1
    broken, answered = pyarrow.parquet.read_table(table).to_pylist()
    assert answered["source"] == f"{folder}/caf\\xe9.flac"
    assert broken["error"] == f"{folder}/br\\xf6ken.flac: the file is empty; a sound file is wanted"


def test_segments_are_those_of_the_timeline_and_every_sound_has_a_row(sound_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    voices = [read_audio(path).samples for path in audio_files(EXAMPLES)[:2]]
    length = min(map(len, voices))
    rate_hz = read_audio(audio_files(EXAMPLES)[0]).rate_hz
    both = [[left, right] for left, right in zip(voices[0][:length], voices[1][:length], strict=True)]
    soundfile.write(folder / "call.wav", both, rate_hz)
    soundfile.write(folder / "pause.wav", voices[0][:rate_hz] * 1e-3 * 0, rate_hz)
    table = tmp_path / "segments.jsonl"
    job = Job((str(folder),), str(table), str(sound_model), timeline=True, channels="separate")
    run_job(job, workers=1)
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    wanted = Recognizer.load(sound_model, threads=1).timeline(folder / "call.wav", channels="separate")
    segments = [(timeline.channel, segment) for timeline in wanted for segment in timeline.segments]
    assert len(segments) >= 2
    assert [(line["channel"], line["start_s"], line["end_s"], line["emotion"]) for line in lines[:-1]] == [
        (channel, round(segment.start_s, 6), round(segment.end_s, 6), segment.emotion) for channel, segment in segments
    ]
    assert lines[-1]["source"].endswith("pause.wav")
    assert set(lines[-1]) == {"source", "warnings", "model", "error"}
    assert lines[-1]["error"].endswith("pause.wav: nobody speaks in it; there are no segments")


def test_a_full_disk_leaves_what_is_done_and_the_same_command_goes_on(
    clips: Path, sound_model: Path, program: Program, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    unshare = shutil.which("unshare")
    mount = f"mount -t tmpfs -o size=64k none {small}"
    may = unshare and subprocess.run([unshare, "-rm", "sh", "-c", mount], capture_output=True).returncode == 0
    if not may:
        pytest.skip("no small disk can be made here")
    command = f"{sys.executable} -m hearfelt batch {clips} -o {small}/emotions.csv -m {sound_model} -w 1"
    script = f"{mount}; {command}; echo $?; mount -o remount,size=4m {small}; {command}; cat {small}/emotions.csv"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=300)
    code, said, *table = done.stdout.splitlines()
    assert code == "1"
    assert "the disk is full; make room" in done.stderr
    assert "of them before" in said
    assert len(table) == 1 + CLIPS + BROKEN
