from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import soundfile

from hearfelt.corpora.catalog import CORPORA
from hearfelt.corpora.clips import COLUMNS
from hearfelt.corpora.toy import write_toy


def test_the_list_has_every_corpus_with_licence_and_numbers(here) -> None:
    code, out, _ = here("corpora", "list")
    assert code == 0
    for corpus in CORPORA.values():
        assert corpus.name in out
        assert corpus.licence in out
    assert "7,442" in out


def test_the_list_as_json_is_one_object_a_line(here) -> None:
    _, out, _ = here("corpora", "list", "--format", "json")
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert list(rows) == list(CORPORA)
    assert rows["emodb"]["speakers"] == 10
    assert rows["emodb"]["emotions"][-1] == "boredom"
    assert rows["folder"]["clips"] is None


def test_the_list_as_csv_has_a_header(here) -> None:
    _, out, _ = here("corpora", "list", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["name"] for row in rows] == list(CORPORA)
    assert set(rows[0]) >= {"title", "licence", "size_mb", "clips", "speakers", "language", "emotions"}


def test_clips_are_printed_or_written_one_row_each(here, toy: Path, tmp_path: Path) -> None:
    code, printed, _ = here("clips", toy)
    assert code == 0
    code, said, _ = here("clips", toy, "--out", tmp_path / "clips.csv")
    assert code == 0
    assert said == f"{tmp_path / 'clips.csv'}: 96 clips of 6 speakers\n"
    assert (tmp_path / "clips.csv").read_text() == printed
    rows = list(csv.reader(io.StringIO(printed)))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 97


def test_as_overrules_the_names(here, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad" / "01_angry_1.wav").write_bytes((toy / "01_angry_1.wav").read_bytes())
    assert ",toy/01,angry," in here("clips", tmp_path)[1]
    assert ",folder/unknown,sad," in here("clips", tmp_path, "--as", "folder")[1]


def test_a_home_folder_is_understood(here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toy(tmp_path / "toy", speakers=1, clips_each=1)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert here("clips", "~/toy", "--out=~/clips.csv")[0] == 0
    assert (tmp_path / "clips.csv").is_file()


def test_a_complete_copy_ends_with_0_and_says_so(here, toy: Path) -> None:
    code, out, err = here("corpora", "check", toy)
    assert (code, err) == (0, "")
    assert "nothing is wrong with it" in out
    assert "12" in out


def test_an_incomplete_copy_ends_with_4_and_one_sentence(here, toy: Path, tmp_path: Path) -> None:
    name = "03-01-05-01-01-01-05.wav"
    (tmp_path / name).write_bytes((toy / "01_angry_1.wav").read_bytes())
    code, out, err = here("corpora", "check", tmp_path)
    assert code == 4
    assert "not complete: 2,451 clips missing" in out
    assert "and 2,443 more; --format json names them all" in out
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_json_stays_one_object_also_when_the_copy_is_not_complete(here, toy: Path, tmp_path: Path) -> None:
    for name in ("03-01-05-01-01-01-05.wav", "03-01-05-01-01-02-05.wav", "notes.wav"):
        (tmp_path / name).write_bytes((toy / "01_angry_1.wav").read_bytes())
    (tmp_path / "03-01-06-01-01-01-05.wav").write_text("no sound")
    code, out, _ = here("corpora", "check", tmp_path, "--format", "json")
    assert code == 4
    assert out.count("\n") == 1
    told = json.loads(out)
    assert told["complete"] is False
    assert told["counts"]["channel"] == {"speech": 3, "song": 0}
    assert told["counts"]["actor"]["05"] == 3
    assert told["counts"]["emotion"]["angry"] == 2
    assert len(told["missing"]) == 2_449
    assert told["duplicates"] == [["03-01-05-01-01-01-05.wav", "03-01-05-01-01-02-05.wav", "notes.wav"]]
    assert list(told["strangers"]) == ["notes.wav"]
    assert list(told["unreadable"]) == ["03-01-06-01-01-01-05.wav"]


def test_every_finding_is_shown_in_words(here, tmp_path: Path, toy: Path) -> None:
    sound = (toy / "01_angry_1.wav").read_bytes()
    for folder in ("agnry", "sad", "sad/again"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.wav").write_bytes(sound)
    (tmp_path / "sad" / "two.wav").write_bytes(b"")
    samples, rate_hz = soundfile.read(toy / "02_sad_1.wav")
    soundfile.write(tmp_path / "sad" / "quiet.wav", samples * 0, rate_hz)
    (tmp_path / "loose.wav").write_bytes(sound)
    code, out, _ = here("corpora", "check", tmp_path, "--as", "folder")
    assert code == 4
    for words in (
        "cannot be read (1)",
        "contradictions (1)",
        "strangers, not used (1)",
        "labels that look misspelt (1)",
        "agnry: angry?",
        "silent (1)",
        "worth knowing",
    ):
        assert words in out


def test_twins_are_named_and_second_copies_beside_the_file_in_use(here, tmp_path: Path, toy: Path) -> None:
    for name in ("03-01-03-01-02-01-07.wav", "03-01-03-01-02-02-07.wav", "again/03-01-03-01-02-02-07.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((toy / "01_angry_1.wav").read_bytes())
    _, out, _ = here("corpora", "check", tmp_path)
    assert "the same sound under several names (1)" in out
    assert "second copies, not used (1)" in out
    assert "not whole: 07 (2 of 104)" in out


def test_a_file_name_cannot_steer_the_terminal(here, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad" / "a.wav").write_bytes((toy / "01_angry_1.wav").read_bytes())
    (tmp_path / "x\x1b[31m.wav").write_bytes((toy / "01_angry_1.wav").read_bytes())
    _, out, _ = here("corpora", "check", tmp_path, "--as", "folder")
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("clips", "nowhere"), "nowhere: there is nothing here; give the folder of a corpus"),
        (("corpora", "check", "nowhere"), "nowhere: there is nothing here; give the folder of a corpus"),
        (("clips", ".", "--as", "ravdes"), "no corpus is called ravdes; did you mean ravdess?"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(here, arguments: tuple[str, ...], sentence: str) -> None:
    assert here(*arguments) == (4, "", f"hearfelt: {sentence}\n")


def test_the_real_ravdess_passes_and_one_half_is_checked_alone(here, ravdess: Path) -> None:
    assert here("corpora", "check", ravdess)[0] == 0
    half = ravdess / "Audio_Song_Actors_01-24"
    assert here("corpora", "check", half)[0] == 4
    code, out, _ = here("corpora", "check", half, "--channel", "song", "--format", "json")
    assert (code, json.loads(out)["counts"]["channel"]) == (0, {"song": 1_012})
