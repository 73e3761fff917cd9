from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hearfelt.corpora.catalog import read_folder
from hearfelt.reports.exploration import explore
from hearfelt.reports.exploration_page import write_exploration


@pytest.fixture(scope="module")
def toys_page(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "explore.html"
    write_exploration(explore(read_folder(toy), processes=1), path)
    assert path.stat().st_size < 10e6
    return path.read_text(encoding="utf-8")


def test_each_emotion_has_a_player_and_a_drawing(toys_page: str) -> None:
    assert toys_page.count("<audio ") == 8
    assert toys_page.count("data:audio/flac;base64,") == 8
    assert len(re.findall(r'aria-label="Waveform, spectrogram, mel spectrogram and pitch of one', toys_page)) == 8


def test_the_page_has_its_five_parts(toys_page: str) -> None:
    titles = re.findall(r"<h2 [^>]*>([^<]+)</h2>", toys_page)
    assert titles == [
        "How many",
        "How long and how loud",
        "How each emotion sounds",
        "Why voices leak",
        "What the check found",
    ]


def test_why_voices_leak_is_said_in_a_sentence_with_numbers(toys_page: str) -> None:
    assert "Clips by one voice lie together" in toys_page
    assert "nearest clip is by the same speaker (16 % by chance)" in toys_page
    assert re.search(r"<dd>\d\d %</dd>", toys_page)


def test_what_the_check_found_is_told(toys_page: str) -> None:
    assert "Nothing is missing, damaged or in doubt." in toys_page


def test_names_that_look_like_html_stay_names(toy: Path, tmp_path: Path) -> None:
    root = tmp_path / "<b>mine"
    for place, clip in enumerate(sorted(toy.glob("0[12]_*_1.wav"))):
        folder = root / ("<i>bliss" if place % 2 else "$x_{ & angry")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, folder / f"<img src=x onerror=alert({place})>.wav")
    (root / "<i>bliss" / "<script>.wav").write_bytes(b"no sound")
    text = write_exploration(explore(read_folder(root, "folder"), processes=1), tmp_path / "p.html").read_text("utf-8")
    assert "<img src=x" not in text
    assert "<script" not in text
    assert "<i>" not in text
    assert "&lt;b&gt;mine" in text
    assert "&lt;script&gt;.wav" in text
    assert "Not complete" in text


def test_a_corpus_in_which_nothing_can_be_heard_still_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "mine" / "angry").mkdir(parents=True)
    (tmp_path / "mine" / "angry" / "broken.wav").write_bytes(b"no sound")
    seen = explore(read_folder(tmp_path / "mine", "folder"), processes=1)
    text = write_exploration(seen, tmp_path / "p.html").read_text("utf-8")
    assert "No clip in which anything can be heard" in text
    assert "A map needs" in text
