from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.audio.excerpts import Excerpt
from hearfelt.corpora.clips import COLUMNS, Clip, Clips, duplicates, unknown_speaker
from hearfelt.errors import CorpusError

HERE = Path()


def clip(name: str, speaker: str = "a", emotion: str = "sad", **more: object) -> Clip:
    return Clip("mine", HERE, name, f"mine/{speaker}", emotion, **more)  # type: ignore[arg-type]


CLIPS = Clips([clip("1.wav", "b", "sad"), clip("2.wav", "a", "calm", channel="song"), clip("3.wav", "a", "boredom")])


def test_clips_are_kept_and_left_out_by_any_attribute() -> None:
    assert [one.name for one in CLIPS.where(speaker="mine/a")] == ["2.wav", "3.wav"]
    assert [one.name for one in CLIPS.where(speaker="mine/a", channel="song")] == ["2.wav"]
    assert [one.name for one in CLIPS.without(emotion=("calm", "boredom"))] == ["1.wav"]


def test_emotions_are_counted_in_their_order_and_speakers_by_name() -> None:
    assert list(CLIPS.count("emotion").items()) == [("calm", 1), ("sad", 1), ("boredom", 1)]
    assert CLIPS.count("speaker") == {"mine/a": 2, "mine/b": 1}
    assert CLIPS.speakers == ("mine/a", "mine/b")


def test_a_slice_of_clips_is_clips() -> None:
    assert isinstance(CLIPS[1:], Clips)
    assert CLIPS[1:][0] == CLIPS[1]


def test_the_fingerprint_depends_on_labels_and_not_on_order_folder_or_format() -> None:
    elsewhere = Clips(Clip(c.corpus, Path("x"), c.name.replace(".wav", ".flac"), c.speaker, c.emotion) for c in CLIPS)
    assert Clips(reversed(list(elsewhere))).fingerprint() == CLIPS.fingerprint()
    assert Clips([*CLIPS[:2], clip("3.wav", "a", "happy")]).fingerprint() != CLIPS.fingerprint()


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    CLIPS.write(tmp_path / "clips.csv")
    assert (tmp_path / "clips.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    assert Clips.read(tmp_path / "clips.csv", HERE) == CLIPS


def test_parts_of_a_file_are_clips_of_their_own_and_come_back_from_a_table(tmp_path: Path) -> None:
    parts = Clips(clip(f"call.wav#t={k},{k + 1}", start_s=float(k), end_s=float(k + 1)) for k in range(2))
    rest = clip("call.wav#t=2", start_s=2.0)
    both = Clips([*parts, rest, *CLIPS])
    assert {one.path for one in both[:3]} == {Path("call.wav")}
    assert [one.is_part for one in both] == [True] * 3 + [False] * 3
    assert both[0].sound == Excerpt(Path("call.wav"), 0.0, 1.0)
    assert len({Clips([one]).fingerprint() for one in both[:3]}) == 3
    both.write(tmp_path / "clips.csv")
    header, first, _, third, *_ = (tmp_path / "clips.csv").read_text().splitlines()
    assert header == ",".join([*COLUMNS, "start_s", "end_s"])
    assert (first[:8], first[-7:], third[-4:]) == ("call.wav", "0.0,1.0", "2.0,")
    assert Clips.read(tmp_path / "clips.csv", HERE) == both


def test_parts_that_sound_alike_are_found_in_one_file_and_in_several(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 8000, dtype=np.int16)
    soundfile.write(tmp_path / "twice.wav", np.concatenate([noise, noise]), 8000)
    soundfile.write(tmp_path / "once.wav", noise, 8000)
    times = {"twice.wav#t=0,1": (0.0, 1.0), "twice.wav#t=1,2": (1.0, 2.0), "twice.wav#t=0.5,1.5": (0.5, 1.5)}
    clips = [
        Clip("mine", tmp_path, name, "mine/a", "sad", start_s=start, end_s=end) for name, (start, end) in times.items()
    ]
    clips.append(Clip("mine", tmp_path, "once.wav", "mine/a", "sad"))
    assert [[one.name for one in group] for group in duplicates(clips)] == [
        ["twice.wav#t=0,1", "twice.wav#t=1,2", "once.wav"]
    ]


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("clip,corpus\n1.wav,mine\n")
    with pytest.raises(CorpusError, match="no column speaker; it has clip, corpus"):
        Clips.read(tmp_path / "clips.csv", HERE)


def test_an_unknown_speaker_is_not_taken_for_one_speaker() -> None:
    assert not Clip("mine", HERE, "1.wav", unknown_speaker("mine"), "sad").speaker_is_known
    assert CLIPS[0].speaker_is_known


def test_copies_are_found_by_sound_and_silence_is_no_copy_of_silence(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 4000, dtype=np.int16)
    sounds = {"a.wav": noise, "b.flac": noise, "c.wav": noise // 2, "s1.wav": noise * 0, "s2.wav": noise * 0}
    for name, samples in sounds.items():
        soundfile.write(tmp_path / name, samples, 8000)
    (tmp_path / "text.wav").write_text("no sound")
    clips = [Clip("mine", tmp_path, name, "mine/a", "sad") for name in [*sounds, "text.wav"]]
    assert [[one.name for one in group] for group in duplicates(clips)] == [["a.wav", "b.flac"]]


def test_ravdess_has_one_published_copy(ravdess: Path) -> None:
    folder = ravdess / "Audio_Speech_Actors_01-24" / "Actor_07"
    clips = [Clip("ravdess", folder, path.name, "ravdess/07", "happy") for path in sorted(folder.iterdir())]
    groups = [[Path(one.name).stem for one in group] for group in duplicates(clips)]
    assert groups == [["03-01-03-01-02-01-07", "03-01-03-01-02-02-07"]]
