from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from hearfelt.service.embedded_server import live_beside


def test_the_live_page_is_there_while_the_block_lasts_and_gone_after_it() -> None:
    before = threading.active_count()
    with live_beside(["tiny"]) as address:
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert b"hearfelt live" in answer.read()
        place = urlsplit(address)
        assert place.hostname == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", place.port or 0), 5):
        pass
    assert threading.active_count() <= before


def test_it_has_the_live_page_alone_and_describes_nothing() -> None:
    with live_beside(["tiny"]) as address:
        for path in ("docs", "openapi.json", "v1/recognize"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + path, timeout=20)


def test_two_of_them_have_ports_of_their_own() -> None:
    with live_beside(["tiny"]) as one, live_beside(["tiny"]) as other:
        assert one != other
