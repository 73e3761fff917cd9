from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

import hearfelt.examples

CLIPS = sorted(Path(hearfelt.examples.__file__).parent.glob("*.flac"))


def test_the_demo_answers_every_clip_draws_one_and_says_what_next(
    here: Callable, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = here("demo", "--model", model)
    assert (code, err) == (0, "")
    assert all(clip.stem in out for clip in CLIPS)
    assert "synthetic" in out.splitlines()[0]
    assert "recognize YOUR.wav" in out
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]


def test_a_picture_of_an_unknown_kind_is_wrong_usage(here: Callable, tmp_path: Path, model: Path) -> None:
    code, _, err = here("demo", "--model", model, "--out", tmp_path / "demo.doc")
    assert code == 2
    assert ".png" in err


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_bundled_clip_is_short_small_and_called_synthetic(clip: Path) -> None:
    facts = soundfile.info(clip)
    assert (facts.samplerate, facts.channels, facts.format) == (16_000, 1, "FLAC")
    assert 1.5 <= facts.duration <= 3.5
    assert clip.stat().st_size < 60_000
    assert clip.name.startswith("synthetic-")


def test_there_are_a_few_bundled_clips() -> None:
    assert 4 <= len(CLIPS) <= 8
