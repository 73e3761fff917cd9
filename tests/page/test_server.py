from __future__ import annotations

import socket
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hearfelt.errors import HearfeltError
from hearfelt.page.server import PAGE_OPTIONS, PORT, Address, free_address, run_page
from hearfelt.page.settings import PageSettings

CONFIG = Path(__file__).parents[2] / ".streamlit" / "config.toml"


def flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_the_configuration_for_streamlit_itself_says_the_same() -> None:
    if not CONFIG.is_file():
        pytest.skip("only a checkout has .streamlit/config.toml")
    assert flat(tomllib.loads(CONFIG.read_text(encoding="utf-8"))) == PAGE_OPTIONS


def test_nothing_is_told_to_anybody_about_visitors() -> None:
    assert PAGE_OPTIONS["browser.gatherUsageStats"] is False


def test_the_upload_limit_is_the_same_wherever_the_page_is_started() -> None:
    assert PAGE_OPTIONS["server.maxUploadSize"] == PageSettings().upload_mb


def test_a_port_that_is_taken_is_said(taken: int) -> None:
    with pytest.raises(HearfeltError, match=rf"port {taken} of 127\.0\.0\.1: .* choose another --port"):
        free_address("127.0.0.1", taken)


def test_an_address_of_another_computer_is_said() -> None:
    with pytest.raises(HearfeltError, match=r"192\.0\.2\.1"):
        free_address("192.0.2.1")


def test_without_a_port_the_next_free_one_is_found() -> None:
    found = free_address("127.0.0.1")
    assert PORT <= found.port < PORT + 100


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://localhost:9"), ("0.0.0.0", "http://localhost:9"), ("10.1.2.3", "http://10.1.2.3:9")],
)
def test_the_address_is_one_that_a_browser_here_can_open(host: str, address: str) -> None:
    assert Address(host, 9).url == address


def test_the_page_refuses_to_run_where_no_signal_arrives() -> None:
    said: list[str] = []

    def start() -> None:
        try:
            run_page(Address("127.0.0.1", 9), upload_mb=1, opens_browser=False, on_ready=lambda: None)
        except HearfeltError as error:
            said.append(str(error))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(20)
    assert "main thread" in said[0]
