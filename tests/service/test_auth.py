from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import HearfeltError
from hearfelt.service.auth import ApiKeys, RateLimit, read_keys


def test_keys_are_lines_without_comments(tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text("# mine\n\n  one-key-of-enough-letters \nanother-key-of-letters\n")
    assert read_keys(file) == ("one-key-of-enough-letters", "another-key-of-letters")


@pytest.mark.parametrize(
    ("text", "words"),
    [("# none\n", "no key in this file"), ("short\n", "5 characters"), ("schlüssel-mit-genug-buchstaben\n", "ASCII")],
)
def test_a_file_without_a_good_key_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(text)
    with pytest.raises(HearfeltError, match=words):
        read_keys(file)
    with pytest.raises(HearfeltError, match="cannot read keys"):
        read_keys(tmp_path / "absent.txt")


def test_no_text_is_too_odd_to_be_compared() -> None:
    assert not ApiKeys(["one-key-of-enough-letters"]).allow("\ud800")


def test_a_bucket_fills_again_with_time() -> None:
    now = [0.0]
    rates = RateLimit(60, clock=lambda: now[0])
    assert [rates.wait_s("a") for _ in range(61)] == [0] * 60 + [1]
    now[0] = 2.0
    assert [rates.wait_s("a") for _ in range(3)] == [0, 0, 1]


def test_askers_beyond_ten_thousand_are_forgotten() -> None:
    rates = RateLimit(1, clock=lambda: 0.0)
    assert rates.wait_s("first") == 0
    for number in range(10_000):
        rates.wait_s(str(number))
    assert rates.wait_s("first") == 0
