from __future__ import annotations

from pathlib import Path

from hearfelt.corpora.base import Published
from hearfelt.corpora.check import SoundFindings
from hearfelt.corpora.clips import Clip
from hearfelt.corpora.file_statistics import FileStatistics


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
