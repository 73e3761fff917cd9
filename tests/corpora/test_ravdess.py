from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_corpus, read_folder
from hearfelt.corpora.clips import Clip
from hearfelt.corpora.ravdess import EMOTION_CODES, RAVDESS
from hearfelt.emotions import EMOTIONS


def one(name: str) -> Clip:
    (clip,) = RAVDESS.parse(Path(), [name]).clips
    return clip


def why_not(name: str) -> str:
    return RAVDESS.parse(Path(), [name]).unrecognized[name]


def test_every_part_of_a_name_is_read() -> None:
    clip = one("Actor_12/03-01-06-02-02-01-12.wav")
    assert (clip.speaker, clip.emotion, clip.channel) == ("ravdess/12", "fearful", "speech")
    assert (clip.intensity, clip.statement, clip.repetition) == ("strong", "dogs", "1")
    assert (clip.sex, clip.language) == ("female", "en")


def test_the_codes_are_the_published_ones() -> None:
    assert EMOTION_CODES == {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
    }


def test_odd_actors_are_men() -> None:
    assert [one(f"03-01-03-01-01-01-{actor}.wav").sex for actor in ("01", "02", "23", "24")] == [
        "male",
        "female",
        "male",
        "female",
    ]


def test_speech_and_song_of_an_actor_are_one_speaker() -> None:
    assert one("03-01-03-01-01-01-07.wav").speaker == one("03-02-03-01-01-01-07.wav").speaker == "ravdess/07"


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("03-01-09-01-01-01-01", "emotion 09 does not exist"),
        ("03-03-01-01-01-01-01", "channel 03 does not exist"),
        ("03-01-03-03-01-01-01", "intensity 03 does not exist"),
        ("03-01-03-01-03-01-01", "statement 03 does not exist"),
        ("03-01-03-01-01-03-01", "repetition 03 does not exist"),
        ("03-01-03-01-01-01-25", "actor 25 does not exist; 01 to 24 do"),
        ("03-01-03-01-01-01-00", "actor 00 does not exist"),
        ("03-01-01-02-01-01-01", "neutral was never spoken with strong intensity"),
        ("03-02-07-01-01-01-01", "disgust was never sung"),
        ("01-01-03-01-01-01-01", "modality 01 is a film"),
        ("03-01-03-01-01-01", "not named like a clip"),
    ],
)
def test_a_mislabelled_name_is_a_stranger_with_the_reason(stem: str, reason: str) -> None:
    assert reason in why_not(f"{stem}.wav")


def test_2452_clips_were_published_and_their_names_read_back() -> None:
    published = RAVDESS.published
    assert published is not None
    assert published.stems is not None
    stems = list(published.stems(Path()))
    reading = RAVDESS.parse(Path(), [f"{stem}.wav" for stem in stems])
    assert len(set(stems)) == len(reading.clips) == RAVDESS.clips == 2_452
    assert not reading.unrecognized
    # The seed's own count of emotions.
    emotions = [clip.emotion for clip in reading.clips]
    assert [emotions.count(name) for name in EMOTIONS] == [188, 376, 376, 376, 376, 376, 192, 192]
    assert sum(clip.channel == "song" for clip in reading.clips) == 1_012
    assert not any(clip.channel == "song" and clip.speaker == "ravdess/18" for clip in reading.clips)


@pytest.mark.parametrize("folder", ["", "Actor_05/", "Audio_Speech_Actors_01-24/Actor_05/", "a b/c/"])
@pytest.mark.parametrize("ending", ["wav", "flac", "opus", "WAV"])
def test_any_folder_and_any_ending_that_can_be_read_counts(folder: str, ending: str) -> None:
    assert one(f"{folder}03-01-05-01-01-01-05.{ending}").speaker == "ravdess/05"


def test_a_clip_in_another_actors_folder_is_odd() -> None:
    reading = RAVDESS.parse(Path(), ["Actor_03/03-01-05-01-01-01-05.wav", "Actor_05/03-01-05-01-01-02-05.wav"])
    assert reading.odd == {"Actor_03/03-01-05-01-01-01-05.wav": "lies in the folder of actor 03, and its name says 05"}


def test_the_real_copy_has_every_published_clip(ravdess: Path) -> None:
    clips = read_corpus(ravdess)
    assert clips.count("channel") == {"song": 1_012, "speech": 1_440}
    assert clips.count("emotion") == dict(zip(EMOTIONS, [188, 376, 376, 376, 376, 376, 192, 192], strict=True))
    assert clips.count("sex") == {"female": 1_204, "male": 1_248}
    assert len(clips.speakers) == 24


def test_untouched_files_in_wav_are_read(corpora_home: Path) -> None:
    found = read_folder(corpora_home / "originals" / "ravdess")
    assert found.form is RAVDESS
    assert len(found.reading.clips) == 13
    assert {clip.emotion for clip in found.reading.clips} == set(EMOTIONS)
