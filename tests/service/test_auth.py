from __future__ import annotations

from pathlib import Path

import pytest

from hearfelt.errors import HearfeltError
from hearfelt.service.auth import ApiKeys, RateLimit, is_allowed_origin, is_loopback, read_keys


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


@pytest.mark.parametrize(
    ("origin", "host", "is_local", "expected"),
    [
        (None, "127.0.0.1:8000", True, True),
        ("http://localhost:8000", "localhost:8000", True, True),
        ("http://LOCALHOST:8000", "localhost:8000", True, True),
        ("http://[::1]:8000", "[::1]:8000", True, True),
        ("http://localhost:8501", "localhost:8000", True, False),
        ("http://evil.example:8000", "evil.example:8000", True, False),  # a name that was pointed to this computer
        ("http://voices.example", "voices.example", False, True),
        ("https://voices.example", "voices.example", False, True),
        ("null", "localhost:8000", True, False),
        ("file://", "", True, False),
        ("", "", True, False),
        ("http://[x", "localhost:8000", True, False),
        ("http://[secret]", "localhost:8000", False, False),
        ("http://127.0.0.1:8000.evil.example", "127.0.0.1:8000", True, False),
    ],
)
def test_only_pages_of_this_service_may_open_streams(
    origin: str | None, host: str, is_local: bool, expected: bool
) -> None:
    assert is_allowed_origin(origin, host, is_local=is_local) is expected


def test_what_is_allowed_by_name_is_allowed_origin() -> None:
    assert is_allowed_origin("https://example.org", "localhost:1", allowed=["https://example.org"])
    assert not is_allowed_origin("http://example.org", "localhost:1", allowed=["https://example.org"])


def test_loopback_is_this_computer_and_nothing_like_it() -> None:
    assert all(is_loopback(name) for name in ("localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(is_loopback(name) for name in ("0.0.0.0", "localhost.example", "10.0.0.1", "::", ""))
