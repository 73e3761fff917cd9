from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.base import CorpusFormat
from hearfelt.corpora.catalog import CORPORA, identify, read_corpora, read_corpus, read_folder
from hearfelt.corpora.toy import write_toy
from hearfelt.emotions import in_order
from hearfelt.errors import CorpusError

BY_TABLES = ("folder", "audformat")  # no file name says which
PUBLISHED = [form for form in CORPORA.values() if form.published]


@pytest.mark.parametrize(
    "form", [form for form in CORPORA.values() if form.name not in BY_TABLES], ids=lambda form: form.name
)
def test_every_form_reads_its_own_example_and_nobody_elses(form: CorpusFormat) -> None:
    (clip,) = form.parse(Path("nowhere"), [form.example]).clips
    assert clip.corpus == form.name
    assert clip.speaker.startswith(f"{form.name}/")
    assert clip.emotion in form.emotions
    assert clip.channel in form.channels
    for other in CORPORA.values():
        if other is not form and other.name not in BY_TABLES:
            assert not other.parse(Path("nowhere"), [form.example]).clips


@pytest.mark.parametrize("form", CORPORA.values(), ids=lambda form: form.name)
def test_every_form_says_what_it_is_with_labels_in_order(form: CorpusFormat) -> None:
    assert form.title
    assert form.licence
    assert form.emotions == in_order(form.emotions)


@pytest.mark.parametrize("form", PUBLISHED, ids=lambda form: form.name)
def test_what_was_published_adds_up(form: CorpusFormat) -> None:
    published = form.published
    assert published is not None
    for by in published.counts.values():
        assert sum(by.values()) == form.clips
    stems = list(published.stems(Path("nowhere"))) if published.stems else []
    assert len(set(stems)) in (0, form.clips)
    assert stems or published.counts
    if stems:
        reading = form.parse(Path("nowhere"), [f"{stem}.wav" for stem in stems])
        assert (len(reading.clips), reading.unrecognized) == (form.clips, {})
        assert len({clip.speaker for clip in reading.clips}) == form.speakers
        for special in (*published.unfit, *published.silent, *published.two_channels):
            assert special in stems


@pytest.mark.parametrize("name", ["ravdess", "cremad", "tess", "emodb", "nemo"])
def test_real_folders_are_known_by_their_file_names(corpora_home: Path, name: str) -> None:
    assert identify(corpora_home / name) == name


def test_most_files_decide(standins) -> None:
    root = standins("03a01Fa", "03a02Fa", "notes/memo")
    assert identify(root) == "emodb"


def test_a_name_overrules_what_the_files_look_like(standins) -> None:
    root = standins("sad/03a01Fa", "happy/03a02Fa")
    assert identify(root) == "emodb"
    assert read_corpus(root, "emodb").count("emotion") == {"happy": 2}
    assert read_corpus(root, "folder").count("emotion") == {"happy": 1, "sad": 1}


def test_a_nested_second_copy_is_read_once(standins) -> None:
    names = [f"Actor_05/03-01-05-01-01-0{take}-05" for take in (1, 2)]
    root = standins(*names, *(f"audio_speech_actors_01-24/{name}" for name in names))
    clips = read_corpus(root)
    assert [clip.name for clip in clips] == [f"{name}.wav" for name in names]
    assert len(read_folder(root).reading.copies) == 2


def test_published_twins_are_both_read(standins) -> None:
    assert len(read_corpus(standins("03-01-03-01-02-01-07", "03-01-03-01-02-02-07"))) == 2


def test_clips_do_not_depend_on_where_the_folder_lies_or_in_what_it_is_stored(standins) -> None:
    one = read_corpus(standins("Actor_05/03-01-05-01-01-01-05", below="one"))
    other = read_corpus(standins("03-01-05-01-01-01-05.flac", below="other"))
    assert one.fingerprint() == other.fingerprint()


def test_several_corpora_come_one_after_another(standins, tmp_path: Path) -> None:
    emodb = standins("03a01Fa")
    clips = read_corpora({"emodb": emodb, "toy": write_toy(tmp_path / "toy", speakers=1, clips_each=1)})
    assert [clip.corpus for clip in clips] == ["emodb"] + ["toy"] * 8


def test_an_unknown_name_is_refused_before_anything_is_read() -> None:
    with pytest.raises(CorpusError, match="no corpus is called ravdes; did you mean ravdess"):
        read_corpora({"ravdes": Path("nowhere")})
    with pytest.raises(CorpusError, match="it is one of ravdess, cremad, tess"):
        read_corpus(Path("nowhere"), "xyzzy")


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere: there is nothing here"):
        read_corpus(tmp_path / "nowhere")


def test_a_folder_without_sound_is_said(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(CorpusError, match=r"no sound file in this folder; files ending in .* \.wav"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(("name", "hint"), [("speech.zip", "unpack it first"), ("clip.wav", "this is one file")])
def test_a_file_is_no_corpus(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CorpusError, match=hint):
        read_corpus(tmp_path / name)


def test_names_that_say_nothing_are_refused_with_both_ways_out(standins) -> None:
    with pytest.raises(CorpusError) as refused:
        read_corpus(standins("rec1", "rec2", "rec3", "03a01Fa"))
    sentence = str(refused.value)
    assert "1 of them look like emodb: --as emodb reads those" in sentence
    assert "a folder for each emotion" in sentence
    assert "path, emotion" in sentence


def test_several_corpora_in_one_folder_are_refused(standins) -> None:
    with pytest.raises(CorpusError, match=r"several corpora lie in it \(emodb, savee\)"):
        read_corpus(standins("x/03a01Fa", "x/03a02Fa", "y/DC_a01", "y/DC_a02"))


def test_the_wrong_name_is_refused_and_the_likely_one_said(standins) -> None:
    with pytest.raises(CorpusError, match=r"none of its 1 sound files.* is a clip of tess.*they look like emodb"):
        read_corpus(standins("03a01Fa"), "tess")


def test_a_table_cannot_be_read_as_a_published_corpus(standins) -> None:
    root = standins("03a01Fa")
    (root / "t.csv").write_text("path,emotion\n03a01Fa.wav,sad\n")
    with pytest.raises(CorpusError, match="give the folder itself to read emodb"):
        read_corpus(root / "t.csv", "emodb")
