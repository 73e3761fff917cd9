from __future__ import annotations

from pathlib import Path

from hearfelt.corpora.catalog import read_corpus
from hearfelt.corpora.nemo import NEMO

TABLE = (
    "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
    "WR0_surprised_64.wav\tsurprised\tUcho wykrywa dźwięki.\tucho\t        WR0\tmale\t23 \n"
)


def test_every_part_of_a_name_is_read_without_the_table() -> None:
    (clip,) = NEMO.parse(Path("nowhere"), ["samples/EB0_anger_1.wav"]).clips
    assert (clip.speaker, clip.emotion, clip.statement) == ("nemo/EB0", "angry", "1")
    assert (clip.sex, clip.language, clip.age) == ("female", "pl", "")


def test_the_table_is_matched_by_stem_and_its_padding_stripped(standins) -> None:
    root = standins("samples/WR0_surprised_64.flac")
    (root / "data.tsv").write_text(TABLE, encoding="utf-8")
    (clip,) = read_corpus(root)
    assert (clip.speaker, clip.age, clip.extra) == ("nemo/WR0", "23", {"text": "Ucho wykrywa dźwięki."})


def test_the_table_is_found_above_the_sound(standins) -> None:
    root = standins("samples/WR0_surprised_64.wav")
    (root / "data.tsv").write_text(TABLE, encoding="utf-8")
    assert read_corpus(root / "samples")[0].age == "23"


def test_an_unknown_speaker_is_mislabelled() -> None:
    assert (
        "speaker XY0 does not exist" in NEMO.parse(Path("nowhere"), ["XY0_fear_1.wav"]).unrecognized["XY0_fear_1.wav"]
    )


def test_the_real_copy_is_as_published(corpora_home: Path) -> None:
    published = NEMO.published
    assert published is not None
    clips = read_corpus(corpora_home / "nemo")
    assert len(clips) == NEMO.clips == 4_481
    assert {what: clips.count(what) for what in published.counts} == published.counts
    assert all(clip.age and clip.extra["text"] for clip in clips)
    assert not any(field != field.strip() for clip in clips for field in (clip.speaker, clip.sex, clip.age))


def test_sex_by_name_agrees_with_the_real_table(corpora_home: Path) -> None:
    for clip in read_corpus(corpora_home / "nemo"):
        (bare,) = NEMO.parse(Path("nowhere"), [clip.name]).clips
        assert (bare.speaker, bare.sex, bare.emotion) == (clip.speaker, clip.sex, clip.emotion)
