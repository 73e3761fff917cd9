from __future__ import annotations

import pytest

from hearfelt.service.origins import is_allowed_origin, is_loopback


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
