from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.base import Published
from hearfelt.corpora.catalog import read_folder
from hearfelt.corpora.check import (
    CorpusCheck,
    SoundFindings,
    check_corpus,
    count,
    missing_from,
    published_clips,
    published_counts,
    surplus,
)
from hearfelt.corpora.clips import Clip, Clips
from hearfelt.corpora.cremad import CREMAD
from hearfelt.corpora.emodb import EMODB
from hearfelt.corpora.file_statistics import FileStatistics
from hearfelt.corpora.folder import FOLDER
from hearfelt.corpora.ravdess import RAVDESS
from hearfelt.corpora.toy import write_toy
from hearfelt.errors import CorpusError

TWINS = ("Actor_07/03-01-03-01-02-01-07.wav", "Actor_07/03-01-03-01-02-02-07.wav")


def linked(source: Path, target: Path) -> Path:
    """Copy a folder of stand-ins without copying their bytes; a file is replaced, never written into."""
    for path in source.rglob("*.wav"):
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.hardlink_to(path)
    return target


def replace_with(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> None:
    path.unlink()
    soundfile.write(path, samples, rate_hz)


@pytest.fixture(scope="module")
def as_published(whole_speech: Path) -> CorpusCheck:
    return check_corpus(whole_speech, channel="speech")


def test_a_copy_of_one_half_is_complete_when_that_half_is_asked_for(as_published: CorpusCheck) -> None:
    assert as_published.complete, as_published.faults
    assert as_published.counts["channel"] == {"speech": 1_440}
    assert set(as_published.counts["actor"].values()) == {60}
    assert as_published.counts == as_published.published


def test_a_copy_of_one_half_is_not_the_whole_and_the_option_is_said(whole_speech: Path) -> None:
    check = check_corpus(whole_speech)
    assert not check.complete
    assert check.counts["channel"] == {"speech": 1_440, "song": 0}
    assert len(check.missing) == 1_012
    assert check.faults == ("all song is missing (--channel speech checks this half alone)",)


def test_the_other_half_is_said_to_be_missing_when_it_is_asked_for(whole_speech: Path) -> None:
    check = check_corpus(whole_speech, channel="song")
    assert check.faults == ("all song is missing",)
    assert (check.clips, len(check.missing)) == (0, 1_012)


def test_published_twins_are_named_and_no_fault(as_published: CorpusCheck) -> None:
    assert as_published.duplicates == (TWINS,)


def test_another_rate_than_published_is_named_and_no_fault(as_published: CorpusCheck) -> None:
    assert "The clips have 16,000 Hz; they were published with 48,000 Hz." in as_published.remarks


def test_a_nested_second_copy_of_everything_is_found_by_content(whole_speech: Path, tmp_path: Path) -> None:
    root = linked(whole_speech, tmp_path / "ravdess")
    linked(whole_speech, root / "audio_speech_actors_01-24")
    check = check_corpus(root, channel="speech")
    assert check.clips == 1_440
    assert len(check.copies) == 1_440
    # Each clip and its copy; the two twins and their copies are one group of four.
    assert sorted(map(len, check.duplicates)) == [2] * 1_438 + [4]
    assert "1,440 files hold a clip a second time; one file of each is used." in check.remarks
    assert check.complete


def test_each_harm_done_to_a_copy_is_named(whole_speech: Path, tmp_path: Path) -> None:
    root = linked(whole_speech, tmp_path / "ravdess")
    clip = "Actor_{0:02d}/03-01-05-01-01-01-{0:02d}.wav".format
    (root / clip(1)).unlink()
    (root / clip(2)).unlink()
    (root / clip(2)).write_bytes((whole_speech / clip(2)).read_bytes()[:1_000])
    replace_with(root / clip(3), np.zeros(3_000))
    square = np.where(np.arange(3_000) % 100 < 50, 1.0, -1.0)
    replace_with(root / clip(4), square)
    (root / clip(5)).rename(root / "Actor_06" / Path(clip(5)).name)
    (root / clip(8)).unlink()
    shutil.copy(root / clip(9), root / clip(8))
    (root / "Actor_10" / "03-01-09-01-01-01-10.wav").hardlink_to(root / clip(10))
    (root / "notes.wav").hardlink_to(root / clip(11))
    check = check_corpus(root, channel="speech")

    assert check.missing == ("03-01-05-01-01-01-01",)
    assert list(check.unreadable) == [clip(2)]
    assert check.silent == (clip(3),)
    assert check.clipped == (clip(4),)
    assert "its name says 05" in check.odd["Actor_06/03-01-05-01-01-01-05.wav"]
    assert set(check.duplicates) == {
        TWINS,
        (clip(8), clip(9)),
        (clip(10), "Actor_10/03-01-09-01-01-01-10.wav"),
        (clip(11), "notes.wav"),
    }
    (contradiction,) = check.contradictions
    assert "ravdess/08 and ravdess/09" in contradiction
    assert "emotion 09 does not exist" in check.unrecognized["Actor_10/03-01-09-01-01-01-10.wav"]
    assert set(check.unrecognized) == {"Actor_10/03-01-09-01-01-01-10.wav", "notes.wav"}
    assert check.faults == (
        "1 clip missing",
        "1 clip cannot be read",
        "1 clip silent",
        "2 clips in doubt, for their sound or their name is another's",
    )


def test_two_files_of_one_name_and_different_sound_leave_doubt(standins) -> None:
    root = standins("a/03-01-05-01-01-01-05", "b/03-01-05-01-01-01-05")
    check = check_corpus(root)
    assert "have one name and are not the same sound" in check.contradictions[0]
    assert any("in doubt" in fault for fault in check.faults)


def test_everything_is_one_json_object_with_the_promised_keys(as_published: CorpusCheck) -> None:
    told = json.loads(json.dumps(as_published.to_dict(), allow_nan=False))
    assert told["complete"] is True
    assert set(told["counts"]) == {"channel", "emotion", "actor", "sex"}
    assert told["missing"] == []
    assert told["duplicates"] == [list(TWINS)]


def test_a_channel_that_a_corpus_lacks_is_refused(standins) -> None:
    with pytest.raises(CorpusError, match="emodb has no song, it has speech"):
        check_corpus(standins("03a01Fa"), channel="song")


def test_progress_counts_every_file(standins) -> None:
    done: list[int] = []
    check_corpus(standins("03a01Fa", "08a01Wa", "stranger"), progress=done.append)
    assert sum(done) == 3


def test_a_whole_toy_has_nothing_wrong(toy: Path) -> None:
    check = check_corpus(toy)
    assert (check.complete, check.published, check.missing, check.duplicates) == (True, {}, (), ())


def test_one_speaker_and_one_emotion_are_said(standins, tmp_path: Path) -> None:
    one_speaker = check_corpus(write_toy(tmp_path / "toy", speakers=1, clips_each=1))
    assert any(remark.startswith("One speaker only (toy/01)") for remark in one_speaker.remarks)
    one_emotion = check_corpus(standins("sad/1", "sad/2"))
    assert any(remark.startswith("One emotion only (sad)") for remark in one_emotion.remarks)
    assert any(remark.startswith("The speaker of 2 clips is not known") for remark in one_emotion.remarks)


def test_ones_own_copies_across_labels_and_speakers_are_a_fault(standins) -> None:
    root = standins("a", "b", "c")
    shutil.copy(root / "a.wav", root / "d.wav")
    (root / "t.csv").write_text("path,emotion,speaker\na.wav,sad,x\nb.wav,sad,y\nc.wav,sad,y\nd.wav,happy,y\n")
    check = check_corpus(root)
    assert check.contradictions == ("a.wav and d.wav are the same sound under sad and happy, folder/x and folder/y",)
    assert not check.complete


def test_ones_own_copy_under_one_label_is_named_and_no_fault(standins) -> None:
    root = standins("sad/1", "happy/2")
    shutil.copy(root / "sad" / "1.wav", root / "sad" / "3.wav")
    check = check_corpus(root)
    assert (check.duplicates, check.complete) == ((("sad/1.wav", "sad/3.wav"),), True)


def test_a_label_that_looks_misspelt_is_named(standins) -> None:
    check = check_corpus(standins("agnry/1", "boredom/1", "sad/1"))
    assert check.mislabelled == {"agnry": "angry"}
    assert "Labels outside the eight are left out of training: agnry, boredom." in check.remarks


def test_a_part_behind_its_file_is_named_and_a_fault(standins) -> None:
    root = standins("a", "b")
    (root / "t.csv").write_text("path,emotion,start,end\na.wav,sad,0,0.11\nb.wav,sad,,9\na.wav,happy,1,2\n")
    check = check_corpus(root)
    assert (check.clips, check.faults) == (3, ("2 clips cannot be read",))
    assert "a.wav#t=1,2: this part begins after the sound, which has 0.12 s" in check.unreadable["a.wav#t=1,2"]
    assert "b.wav#t=0,9: the sound ends at 0.12 s" in check.unreadable["b.wav#t=0,9"]


def test_rows_of_a_table_without_a_file_are_missing(standins) -> None:
    root = standins("a")
    (root / "t.csv").write_text("path,emotion\na.wav,sad\ngone.wav,sad\n")
    check = check_corpus(root)
    assert check.missing == ("t.csv, line 3: there is no gone.wav",)
    assert check.faults == ("1 clip missing",)


def test_emodb_without_a_clip_says_whose_it_was(corpora_home: Path, standins) -> None:
    names = sorted(path.stem for path in (corpora_home / "emodb" / "wav").iterdir())
    check = check_corpus(standins(*names[1:]))
    assert check.missing == ("1 of 49 clips of actor 03",)
    assert check.faults == ("1 clip missing",)


def test_cremads_contradicting_twins_and_silent_clip_are_named_and_not_doubted(
    corpora_home: Path, tmp_path: Path
) -> None:
    # A few of the 7,442 real files, for hearing them all takes minutes.
    for pattern in ("1006_TIE_*", "1013_WSI_*", "1017_IWW_*", "1076_MTI_*"):
        for path in (corpora_home / "cremad" / "AudioWAV").glob(pattern):
            (tmp_path / path.name).symlink_to(path)
    check = check_corpus(tmp_path)
    assert [[Path(name).stem for name in group] for group in check.duplicates] == [
        ["1006_TIE_HAP_XX", "1006_TIE_NEU_XX"],
        ["1013_WSI_DIS_XX", "1013_WSI_SAD_XX"],
        ["1017_IWW_ANG_XX", "1017_IWW_FEA_XX"],
    ]
    assert len(check.contradictions) == 3
    assert [Path(name).stem for name in check.silent] == ["1076_MTI_SAD_XX"]
    assert len(check.unfit) == 7
    assert check.faults == ("7,418 clips missing",)


def test_the_real_ravdess_is_complete(ravdess: Path) -> None:
    found = read_folder(ravdess)
    clips, published = Clips(found.reading.clips), published_clips(found.form, found.root)
    counts = published_counts(found.form, published)
    assert missing_from(clips, published, counts) == ()
    assert count(clips, counts)["channel"] == {"speech": 1_440, "song": 1_012}
    assert (found.reading.unrecognized, found.reading.odd, found.reading.copies) == ({}, {}, {})


def test_the_twins_of_a_real_actor_are_named(ravdess: Path, tmp_path: Path) -> None:
    for half in ravdess.iterdir():
        if (half / "Actor_07").is_dir():
            (tmp_path / half.name).mkdir()
            shutil.copytree(half / "Actor_07", tmp_path / half.name / "Actor_07", copy_function=os.symlink)
    check = check_corpus(tmp_path)
    assert check.clips == 104
    assert [[Path(name).stem for name in group] for group in check.duplicates] == [
        ["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]
    ]
    assert (check.unrecognized, check.unreadable, check.silent, check.odd) == ({}, {}, (), {})


def test_files_as_published_are_read_with_two_channels_and_an_extra_chunk(corpora_home: Path) -> None:
    check = check_corpus(corpora_home / "originals" / "ravdess")
    assert check.unreadable == {}
    assert check.odd == {
        "Actor_01/03-01-02-01-01-02-01.wav": "2 channels, as published",
        "Actor_01/03-01-08-01-02-02-01.wav": "2 channels, as published",
        "Actor_24/03-02-01-01-01-01-24.wav": "2 channels, as published",
    }
    assert len(check.duplicates) == 1


def test_aiff_in_wav_is_heard_and_the_clip_of_96_khz_is_odd(corpora_home: Path) -> None:
    check = check_corpus(corpora_home / "originals" / "tess")
    assert check.unreadable == {}
    assert check.odd == {"OAF_food_fear.wav": "96,000 Hz where most clips have 24,414 Hz"}


# Counts

NOWHERE = Path("nowhere")


def emodb(*stems: str) -> Clips:
    return Clips(EMODB.parse(NOWHERE, [f"{stem}.wav" for stem in stems]).clips)


def test_clips_are_counted_by_four_things() -> None:
    assert count(emodb("03a01Fa", "03a01Wa", "08a01Fa"), {}) == {
        "channel": {"speech": 3},
        "emotion": {"happy": 2, "angry": 1},
        "actor": {"03": 2, "08": 1},
        "sex": {"female": 1, "male": 2},
    }


def test_what_is_wanted_and_lacking_counts_0() -> None:
    counts = count(emodb("03a01Fa"), {"emotion": {"happy": 71, "sad": 62}})
    assert counts["emotion"] == {"happy": 1, "sad": 0}


def test_an_unknown_sex_is_called_so(tmp_path: Path) -> None:
    assert count(Clips(FOLDER.parse(tmp_path, ["sad/1.wav"]).clips), {})["sex"] == {"unknown": 1}


def test_one_channel_of_ravdess_can_be_wanted_alone() -> None:
    song = published_counts(RAVDESS, published_clips(RAVDESS, NOWHERE, "song"))
    assert song["channel"] == {"song": 1_012}
    assert "18" not in song["actor"]
    assert set(song["actor"].values()) == {44}
    speech = published_counts(RAVDESS, published_clips(RAVDESS, NOWHERE, "speech"))
    assert set(speech["actor"].values()) == {60}


def test_one_missing_clip_is_named() -> None:
    published = published_clips(RAVDESS, NOWHERE)
    wanted = published_counts(RAVDESS, published)
    assert missing_from(published, published, wanted) == ()
    assert missing_from(published[1:], published, wanted) == ("03-01-01-01-01-01-01",)


def test_where_names_are_unknown_the_actor_is_said() -> None:
    wanted = {"channel": {"speech": 3}, "emotion": {"happy": 3}, "actor": {"03": 2, "08": 5}, "sex": {}}
    assert missing_from(emodb("03a01Fa"), Clips(), wanted) == ("1 of 2 clips of actor 03", "all 5 clips of actor 08")


def test_if_every_actor_is_whole_the_emotion_is_said() -> None:
    wanted = {"actor": {"03": 1}, "emotion": {"sad": 2}}
    assert missing_from(emodb("03a01Fa"), Clips(), wanted) == ("all 2 clips of emotion sad",)


def test_a_well_formed_name_that_was_never_published_is_named() -> None:
    clips = Clips(CREMAD.parse(NOWHERE, ["1008_WSI_ANG_XX.wav", "1008_TIE_ANG_XX.wav"]).clips)
    assert surplus(clips, published_clips(CREMAD, NOWHERE)) == {"1008_WSI_ANG_XX.wav": "not among the published clips"}


def test_nothing_is_wanted_of_your_own_recordings() -> None:
    assert published_counts(FOLDER, published_clips(FOLDER, NOWHERE)) == {}


@pytest.mark.parametrize("name", ["ravdess", "cremad", "tess", "emodb", "nemo"])
def test_nothing_is_missing_from_the_real_corpora(corpora_home: Path, name: str) -> None:
    found = read_folder(corpora_home / name)
    clips, published = Clips(found.reading.clips), published_clips(found.form, found.root)
    wanted = published_counts(found.form, published)
    assert missing_from(clips, published, wanted) == ()
    assert count(clips, wanted) == wanted
    assert (found.reading.unrecognized, found.reading.copies, surplus(clips, published)) == ({}, {}, {})


# Sound


def findings(
    clips: dict[str, tuple[str, str]], digests: dict[str, str], copies: dict[str, str] | None = None
) -> SoundFindings:
    """Clips by name with speaker and emotion; files by name with what they hold."""
    facts = {
        name: FileStatistics(1.0, 16_000, 1, peak_db=-3, rms_db=-20, digest=digest) for name, digest in digests.items()
    }
    made = {name: Clip("mine", Path(), name, f"mine/{who}", what) for name, (who, what) in clips.items()}
    return SoundFindings(facts, made, copies or {})


def test_files_with_one_sound_are_a_group_strangers_among_them() -> None:
    folder = findings({"a": ("1", "sad"), "b": ("1", "sad")}, {"a": "x", "b": "y", "note": "x", "c": "z"})
    assert folder.duplicates() == (("a", "note"),)
    assert list(folder.contradictions()) == []


def test_one_sound_under_two_emotions_contradicts_itself() -> None:
    folder = findings({"a": ("1", "sad"), "b": ("1", "happy")}, {"a": "x", "b": "x"})
    ((names, sentence),) = folder.contradictions()
    assert names == {"a", "b"}
    assert sentence == "a and b are the same sound under sad and happy"


def test_one_sound_of_two_speakers_contradicts_itself() -> None:
    ((_, sentence),) = findings({"a": ("1", "sad"), "b": ("2", "sad")}, {"a": "x", "b": "x"}).contradictions()
    assert sentence == "a and b are the same sound under mine/1 and mine/2"


def test_a_second_copy_is_no_contradiction_unless_it_sounds_otherwise() -> None:
    clips, copies = {"a": ("1", "sad")}, {"deep/a": "a"}
    assert not list(findings(clips, {"a": "x", "deep/a": "x"}, copies).contradictions())
    ((_, sentence),) = findings(clips, {"a": "x", "deep/a": "y"}, copies).contradictions()
    assert sentence == "a and deep/a have one name and are not the same sound"


def test_second_copies_of_known_twins_stay_known() -> None:
    digests = dict.fromkeys(("a.wav", "b.wav", "deep/a.wav", "deep/b.wav"), "x")
    folder = findings(
        {"a.wav": ("1", "sad"), "b.wav": ("1", "sad")}, digests, {"deep/a.wav": "a.wav", "deep/b.wav": "b.wav"}
    )
    assert folder.doubtful([frozenset({"a", "b"})]) == set()
    assert folder.doubtful([]) == {frozenset({"a.wav", "b.wav"})}


def test_another_rate_than_most_and_several_channels_are_odd() -> None:
    facts = {
        "a.wav": FileStatistics(1.0, 48_000, 1, peak_db=-3),
        "b.wav": FileStatistics(1.0, 48_000, 2, peak_db=-3),
        "c.wav": FileStatistics(1.0, 96_000, 2, peak_db=-3),
        "d.wav": FileStatistics(error="d.wav: broken"),
    }
    clips = {name: Clip("mine", Path(), name, "mine/1", "sad") for name in facts}
    folder = SoundFindings(facts, clips, {})
    assert folder.odd(Published(two_channels=frozenset({"b"}))) == {
        "b.wav": "2 channels, as published",
        "c.wav": "2 channels; 96,000 Hz where most clips have 48,000 Hz",
    }
    assert folder.odd(None)["b.wav"] == "2 channels"
    assert folder.unreadable == {"d.wav": "d.wav: broken"}
    assert folder.usual_rate_hz == 48_000


def test_silence_and_clipping_are_told_of_clips_alone() -> None:
    facts = {
        "a": FileStatistics(1.0, 16_000, 1, peak_db=-120),
        "b": FileStatistics(1.0, 16_000, 1, peak_db=0, clipped_share=0.01),
        "c": FileStatistics(1.0, 16_000, 1, peak_db=0, clipped_share=0.0001),
        "stranger": FileStatistics(1.0, 16_000, 1, peak_db=-120),
    }
    clips = {name: Clip("mine", Path(), name, "mine/1", "sad") for name in "abc"}
    assert SoundFindings(facts, clips, {}).silent == ("a",)
    assert SoundFindings(facts, clips, {}).clipped == ("b",)
