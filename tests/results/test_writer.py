from __future__ import annotations

import errno
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from praatio import textgrid as praat

from hearfelt.audio.warnings import SoundWarning
from hearfelt.errors import HearfeltError
from hearfelt.inference.timeline.segments import Segment, SegmentRow, Timeline, rows_of
from hearfelt.results.formats import FORMATS, write
from hearfelt.results.writer import PredictionWriter, SegmentWriter, refuse_overwriting
from hearfelt.rows import PREDICTION_ROW

GROWING = [name for name, form in FORMATS.items() if form.entry is not None]
TABLES = [name for name, form in FORMATS.items() if not form.is_of_one_sound]
CUT = SoundWarning("cut_short", "12.5 s of 20.0 s are there", {"there_s": 12.5, "promised_s": 20.0})
WHOLE = [name for name, form in FORMATS.items() if form.document is not None]


class Collected:
    """What a recording knows after some of its segments."""

    def __init__(self, timelines: list[Timeline]) -> None:
        self._empty = {one.channel: replace(one, segments=()) for one in timelines}
        self._segments: dict[int | None, list[Segment]] = {channel: [] for channel in self._empty}
        self.warnings: dict[int | None, tuple[SoundWarning, ...]] = dict.fromkeys(self._empty, ())

    def add(self, row: SegmentRow) -> None:
        self._segments[row.channel].append(row.segment)

    def warnings_of(self, channel: int | None) -> tuple[SoundWarning, ...]:
        return self.warnings[channel]

    def timelines(self) -> list[Timeline]:
        return [
            replace(one, segments=tuple(self._segments[channel]), warnings=self.warnings[channel])
            for channel, one in self._empty.items()
        ]


def feed(writing: SegmentWriter, sound: Collected, timelines, *, until: int | None = None) -> None:
    writing.begin(sound)
    for row in list(rows_of(timelines))[:until]:
        sound.add(row)
        writing.add(row)


@pytest.mark.parametrize("form", FORMATS)
def test_segment_by_segment_the_same_file_comes_out_as_at_once(form: str, sides, tmp_path: Path) -> None:
    path = tmp_path / "made" / "here"
    with SegmentWriter(FORMATS[form], sides[0].labels, path) as writing:
        feed(writing, Collected(sides), sides)
    wanted = write(sides, form)
    if form == "elan":  # its date
        assert len(path.read_text()) == len(str(wanted))
    else:
        assert path.read_bytes() == (wanted if isinstance(wanted, bytes) else wanted.encode())


@pytest.mark.parametrize("form", GROWING)
def test_after_each_segment_the_file_holds_it(form: str, sides, tmp_path: Path) -> None:
    path = tmp_path / "growing"
    sound = Collected(sides)
    with SegmentWriter(FORMATS[form], sides[0].labels, path) as writing:
        writing.begin(sound)
        sizes = []
        for row in rows_of(sides):
            writing.add(row)
            sizes.append(path.stat().st_size)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == path.stat().st_size


@pytest.mark.parametrize("form", FORMATS)
def test_ctrl_c_leaves_what_was_known_by_then(form: str, sides, tmp_path: Path) -> None:
    path = tmp_path / "stopped"

    def interrupted() -> None:
        with SegmentWriter(FORMATS[form], sides[0].labels, path) as writing:
            feed(writing, Collected(sides), sides, until=2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    known = Collected(sides)
    for row in list(rows_of(sides))[:2]:
        known.add(row)
    wanted = write(known.timelines(), form)
    assert len(path.read_bytes()) == len(wanted if isinstance(wanted, bytes) else wanted.encode())
    assert [left.name for left in tmp_path.iterdir()] == ["stopped"]


def test_a_format_without_lines_is_written_anew_from_time_to_time(sides, tmp_path: Path) -> None:
    path = tmp_path / "call.TextGrid"
    sound = Collected(sides)
    with SegmentWriter(FORMATS["textgrid"], sides[0].labels, path, every_s=0) as writing:
        writing.begin(sound)
        for count, row in enumerate(rows_of(sides), start=1):
            sound.add(row)
            writing.add(row)
            grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
            assert sum(len(grid.getTier(name).entries) for name in ("left", "right")) == count


@pytest.mark.parametrize("form", FORMATS)
def test_where_no_sound_could_be_heard_the_old_file_stays(form: str, mixed, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text("precious")
    with SegmentWriter(FORMATS[form], mixed.labels, path):
        pass
    assert path.read_text() == "precious"


@pytest.mark.parametrize("form", FORMATS)
def test_silence_makes_a_file_too(form: str, mixed, tmp_path: Path) -> None:
    path = tmp_path / "silent"
    with SegmentWriter(FORMATS[form], mixed.labels, path) as writing:
        writing.begin(Collected([mixed]))
    assert path.is_file()


def test_a_folder_is_refused_before_anything_is_heard(mixed, tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match=r": this is a folder; the name of a file is wanted here$"):
        SegmentWriter(FORMATS["csv"], mixed.labels, tmp_path)


def test_what_is_listened_to_is_not_written_over_under_any_name(tmp_path: Path) -> None:
    sound, copy = tmp_path / "a.wav", tmp_path / "b.wav"
    sound.write_bytes(b"a")
    copy.write_bytes(b"a")
    (tmp_path / "link").symlink_to(sound)
    os.link(sound, tmp_path / "hard")
    for path in (sound, tmp_path / "link", tmp_path / "hard"):
        with pytest.raises(HearfeltError, match=r"a\.wav, which would be written over; name another file$"):
            refuse_overwriting(path, [str(copy), str(sound)])
    for path in (copy, tmp_path / "not there yet", tmp_path, Path("/dev/null")):
        refuse_overwriting(path, [str(sound), "no such.wav", "a\0b", str(tmp_path), "/dev/null"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_named_with_the_file(sides) -> None:
    with (
        pytest.raises(OSError, match="/dev/full") as full,
        SegmentWriter(FORMATS["csv"], sides[0].labels, Path("/dev/full")) as writing,
    ):
        feed(writing, Collected(sides), sides)
    assert full.value.errno == errno.ENOSPC


def test_a_line_that_does_not_fit_any_more_is_taken_back(sides, tmp_path: Path) -> None:
    path = tmp_path / "limited.csv"
    whole = str(write(sides, "csv"))
    most = len(whole) - 10  # the last line has no room
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        with pytest.raises(OSError, match="limited"), SegmentWriter(FORMATS["csv"], sides[0].labels, path) as writing:
            feed(writing, Collected(sides), sides)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_text() == "".join(whole.splitlines(keepends=True)[:-1])


def test_a_pipe_is_written_to_as_it_is(sides) -> None:
    out, into = os.pipe()
    try:
        with SegmentWriter(FORMATS["jsonl"], sides[0].labels, Path(f"/dev/fd/{into}")) as writing:
            feed(writing, Collected(sides), sides)
        assert os.read(out, 1 << 16).decode() == write(sides, "jsonl")
    finally:
        os.close(out)
        os.close(into)


@pytest.mark.parametrize("form", TABLES)
def test_what_is_known_only_at_the_end_of_a_sound_stands_in_each_row_of_its_file(
    form: str, mixed, tmp_path: Path
) -> None:
    path, sound = tmp_path / "table", Collected([mixed])
    with SegmentWriter(FORMATS[form], mixed.labels, path) as writing:
        feed(writing, sound, [mixed])
        sound.warnings[None] = (CUT,)
    wanted = write([replace(mixed, warnings=(CUT,))], form)
    assert path.read_bytes() == (wanted if isinstance(wanted, bytes) else wanted.encode())
    if form != "parquet":
        assert str(wanted).count("cut_short") == len(mixed.segments)


def test_what_is_printed_is_not_printed_again(mixed, capsys: pytest.CaptureFixture[str]) -> None:
    sound = Collected([mixed])
    with SegmentWriter(FORMATS["csv"], mixed.labels) as writing:
        feed(writing, sound, [mixed])
        sound.warnings[None] = (CUT,)
    assert capsys.readouterr().out == write([mixed], "csv")


@pytest.mark.parametrize("form", sorted(set(FORMATS) - set(TABLES) - {"elan"}))
def test_what_annotators_read_says_nothing_of_it(form: str, mixed) -> None:
    assert write([replace(mixed, warnings=(CUT,))], form) == write([mixed], form)


ROWS = [
    {"source": "a.wav", "emotion": "sad", "probabilities": {"calm": 0.25, "sad": 0.75}, "warnings": []},
    {"source": "b.wav", "error": "b.wav: the file is empty"},
]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_predictions_are_in_the_file_in_their_order_also_after_ctrl_c(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{form}"

    def interrupted() -> None:
        with PredictionWriter(path, ["calm", "sad"], PREDICTION_ROW) as writer:
            for row in ROWS:
                writer.add(row)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    pandas = pytest.importorskip("pandas")
    read = {"csv": pandas.read_csv, "jsonl": lambda file: pandas.read_json(file, lines=True)}
    frame = read.get(form, pandas.read_parquet)(path)
    assert frame["source"].tolist() == ["a.wav", "b.wav"]
    assert frame["error"].tolist()[1] == "b.wav: the file is empty"
    if form == "jsonl":
        assert frame["probabilities"].tolist()[0] == {"calm": 0.25, "sad": 0.75}
    else:
        assert (frame["calm"].tolist()[0], frame["sad"].tolist()[0]) == (0.25, 0.75)


def test_a_table_of_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match=r"a table ends in \.parquet, \.csv or \.jsonl"):
        PredictionWriter(tmp_path / "table.txt", ["calm"], PREDICTION_ROW)
