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
from hearfelt.results.formats import FORMATS, write
from hearfelt.results.segment_rows import heard_in
from hearfelt.results.writer import Gathering, Writing, refuse_to_write_over

GROWING = [name for name, form in FORMATS.items() if form.entry is not None]
TABLES = [name for name, form in FORMATS.items() if not form.is_of_one_sound]
CUT = SoundWarning("cut_short", "12.5 s of 20.0 s are there", {"there_s": 12.5, "promised_s": 20.0})
WHOLE = [name for name, form in FORMATS.items() if form.document is not None]


def gathering_of(timelines) -> Gathering:
    first = timelines[0]
    sound = Gathering(first.source, [one.channel for one in timelines], first.labels, first.model)
    sound.reached_s = first.duration_s
    return sound


def feed(writing: Writing, sound: Gathering, timelines, *, until: int | None = None) -> None:
    writing.begin(sound)
    for heard in list(heard_in(timelines))[:until]:
        sound.add(heard)
        writing.add(heard)


@pytest.mark.parametrize("form", FORMATS)
def test_segment_by_segment_the_same_file_comes_out_as_at_once(form: str, sides, tmp_path: Path) -> None:
    path = tmp_path / "made" / "here"
    with Writing(FORMATS[form], sides[0].labels, path) as writing:
        feed(writing, gathering_of(sides), sides)
    wanted = write(sides, form)
    if form == "elan":  # its date
        assert len(path.read_text()) == len(str(wanted))
    else:
        assert path.read_bytes() == (wanted if isinstance(wanted, bytes) else wanted.encode())


@pytest.mark.parametrize("form", GROWING)
def test_after_each_segment_the_file_holds_it(form: str, sides, tmp_path: Path) -> None:
    path = tmp_path / "growing"
    sound = gathering_of(sides)
    with Writing(FORMATS[form], sides[0].labels, path) as writing:
        writing.begin(sound)
        sizes = []
        for heard in heard_in(sides):
            writing.add(heard)
            sizes.append(path.stat().st_size)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == path.stat().st_size


@pytest.mark.parametrize("form", FORMATS)
def test_ctrl_c_leaves_what_was_known_by_then(form: str, sides, tmp_path: Path) -> None:
    path = tmp_path / "stopped"

    def interrupted() -> None:
        with Writing(FORMATS[form], sides[0].labels, path) as writing:
            feed(writing, gathering_of(sides), sides, until=2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    known = gathering_of(sides)
    for heard in list(heard_in(sides))[:2]:
        known.add(heard)
    wanted = write(known.timelines(), form)
    assert len(path.read_bytes()) == len(wanted if isinstance(wanted, bytes) else wanted.encode())
    assert [left.name for left in tmp_path.iterdir()] == ["stopped"]


def test_a_format_without_lines_is_written_anew_from_time_to_time(sides, tmp_path: Path) -> None:
    path = tmp_path / "call.TextGrid"
    sound = gathering_of(sides)
    with Writing(FORMATS["textgrid"], sides[0].labels, path, every_s=0) as writing:
        writing.begin(sound)
        for count, heard in enumerate(heard_in(sides), start=1):
            sound.add(heard)
            writing.add(heard)
            grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
            assert sum(len(grid.getTier(name).entries) for name in ("left", "right")) == count


@pytest.mark.parametrize("form", FORMATS)
def test_where_no_sound_could_be_heard_the_old_file_stays(form: str, mixed, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text("precious")
    with Writing(FORMATS[form], mixed.labels, path):
        pass
    assert path.read_text() == "precious"


@pytest.mark.parametrize("form", FORMATS)
def test_silence_makes_a_file_too(form: str, mixed, tmp_path: Path) -> None:
    path = tmp_path / "silent"
    with Writing(FORMATS[form], mixed.labels, path) as writing:
        writing.begin(gathering_of([mixed]))
    assert path.is_file()


def test_a_folder_is_refused_before_anything_is_heard(mixed, tmp_path: Path) -> None:
    with pytest.raises(HearfeltError, match=r": this is a folder; the name of a file is wanted here$"):
        Writing(FORMATS["csv"], mixed.labels, tmp_path)


def test_what_is_listened_to_is_not_written_over_under_any_name(tmp_path: Path) -> None:
    sound, copy = tmp_path / "a.wav", tmp_path / "b.wav"
    sound.write_bytes(b"a")
    copy.write_bytes(b"a")
    (tmp_path / "link").symlink_to(sound)
    os.link(sound, tmp_path / "hard")
    for path in (sound, tmp_path / "link", tmp_path / "hard"):
        with pytest.raises(HearfeltError, match=r"a\.wav, which would be written over; name another file$"):
            refuse_to_write_over(path, [str(copy), str(sound)])
    for path in (copy, tmp_path / "not there yet", tmp_path, Path("/dev/null")):
        refuse_to_write_over(path, [str(sound), "no such.wav", "a\0b", str(tmp_path), "/dev/null"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_named_with_the_file(sides) -> None:
    with (
        pytest.raises(OSError, match="/dev/full") as full,
        Writing(FORMATS["csv"], sides[0].labels, Path("/dev/full")) as writing,
    ):
        feed(writing, gathering_of(sides), sides)
    assert full.value.errno == errno.ENOSPC


def test_a_line_that_does_not_fit_any_more_is_taken_back(sides, tmp_path: Path) -> None:
    path = tmp_path / "limited.csv"
    whole = str(write(sides, "csv"))
    most = len(whole) - 10  # the last line has no room
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
        with pytest.raises(OSError, match="limited"), Writing(FORMATS["csv"], sides[0].labels, path) as writing:
            feed(writing, gathering_of(sides), sides)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_text() == "".join(whole.splitlines(keepends=True)[:-1])


def test_a_pipe_is_written_to_as_it_is(sides) -> None:
    out, into = os.pipe()
    try:
        with Writing(FORMATS["jsonl"], sides[0].labels, Path(f"/dev/fd/{into}")) as writing:
            feed(writing, gathering_of(sides), sides)
        assert os.read(out, 1 << 16).decode() == write(sides, "jsonl")
    finally:
        os.close(out)
        os.close(into)


def test_a_gathering_knows_how_far_it_got(sides) -> None:
    sound = Gathering("call.wav", (0, 1), sides[0].labels, "toy")
    for heard in heard_in(sides):
        sound.add(heard)
    assert sound.reached_s == 9.25
    assert [(one.channel, len(one.segments), one.duration_s) for one in sound.timelines()] == [
        (0, 2, 9.25),
        (1, 1, 9.25),
    ]


@pytest.mark.parametrize("form", TABLES)
def test_what_is_known_only_at_the_end_of_a_sound_stands_in_each_row_of_its_file(
    form: str, mixed, tmp_path: Path
) -> None:
    path, sound = tmp_path / "table", gathering_of([mixed])
    with Writing(FORMATS[form], mixed.labels, path) as writing:
        feed(writing, sound, [mixed])
        sound.warnings[None] = (CUT,)
    wanted = write([replace(mixed, warnings=(CUT,))], form)
    assert path.read_bytes() == (wanted if isinstance(wanted, bytes) else wanted.encode())
    if form != "parquet":
        assert str(wanted).count("cut_short") == len(mixed.segments)


def test_what_is_printed_is_not_printed_again(mixed, capsys: pytest.CaptureFixture[str]) -> None:
    sound = gathering_of([mixed])
    with Writing(FORMATS["csv"], mixed.labels) as writing:
        feed(writing, sound, [mixed])
        sound.warnings[None] = (CUT,)
    assert capsys.readouterr().out == write([mixed], "csv")


@pytest.mark.parametrize("form", sorted(set(FORMATS) - set(TABLES) - {"elan"}))
def test_what_annotators_read_says_nothing_of_it(form: str, mixed) -> None:
    assert write([replace(mixed, warnings=(CUT,))], form) == write([mixed], form)


def test_what_two_channels_have_in_common_is_said_once(sides) -> None:
    sound, quiet = gathering_of(sides), SoundWarning("very_quiet", "it is very quiet")
    sound.warnings |= {0: (CUT,), 1: (CUT, quiet)}
    assert sound.all_warnings() == (CUT, quiet)
    assert [one.warnings for one in sound.timelines()] == [(CUT,), (CUT, quiet)]
