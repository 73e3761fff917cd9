import email.utils
import runpy
import socket
import time
from pathlib import Path

import pytest

from hearfelt.corpora.web import LONGEST_WAIT_S, Patience, TransientError, Web
from hearfelt.errors import DownloadError

server = runpy.run_path(str(Path(__file__).with_name("server.py")))
loopback = server["loopback"]

CONTENT = bytes(range(256)) * 40  # 10,240 bytes


@pytest.fixture
def url(loopback):
    loopback.files["a.bin"] = CONTENT
    return f"{loopback.base}/a.bin"


def body(reply):
    return b"".join(reply.blocks)


def test_a_whole_file_comes_with_its_size_and_etag(url):
    with Web().get(url) as reply:
        assert (reply.start, reply.is_part, reply.total, reply.etag) == (0, False, len(CONTENT), server["ETAG"])
        assert body(reply) == CONTENT


def test_a_part_is_the_bytes_from_start_to_before_stop(url):
    with Web().get(url, 100, 300) as reply:
        assert (reply.start, reply.is_part, reply.total) == (100, True, len(CONTENT))
        assert body(reply) == CONTENT[100:300]


def test_an_open_end_asks_for_the_rest(url):
    with Web().get(url, 10_000) as reply:
        assert body(reply) == CONTENT[10_000:]


def test_a_part_of_another_version_is_not_asked_for(loopback, url):
    with Web().get(url, 100, etag='"older"') as reply:
        assert (reply.start, body(reply)) == (0, CONTENT)
    assert loopback.requests[0][2] == '"older"'


def test_a_weak_etag_is_not_used_for_a_part(loopback, url):
    with Web().get(url, 100, etag='W/"weak"'):
        pass
    assert loopback.requests[0][2] is None


def test_the_program_says_who_it_is(loopback, url):
    with Web().get(url):
        pass
    assert loopback.requests[0][3].startswith("hearfelt/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_with_its_range(loopback, url, status):
    loopback.tricks = [{"status": status, "headers": {"Location": url}}]
    with Web().get(f"{loopback.base}/elsewhere", 5, 9) as reply:
        assert body(reply) == CONTENT[5:9]


def test_redirects_in_a_circle_end(loopback, url):
    loopback.always = {"status": 302, "headers": {"Location": url}}
    with pytest.raises(DownloadError, match="302"), Web().get(url):
        pass
    assert len(loopback.requests) < 20


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/a.bin", "file:///etc/hostname"])
def test_a_redirect_out_of_the_web_is_not_followed(loopback, url, place):
    loopback.tricks = [{"status": 302, "headers": {"Location": place}}]
    with pytest.raises(DownloadError), Web().get(url):
        pass


@pytest.mark.parametrize(
    "address", ["file:///etc/hostname", "ftp://a/b", "zenodo.org/x.zip", "http://", "", "http://[x/"]
)
def test_only_web_addresses_are_asked(address):
    with pytest.raises(DownloadError, match=r"https://… is wanted"), Web().get(address):
        pass


@pytest.mark.parametrize("address", ["http://a..b/x.zip", "http://a b/x.zip", "http://127.0.0.1:x/y.zip"])
def test_an_address_that_cannot_be_one_is_refused(address):
    with pytest.raises(DownloadError, match="no address"), Web().get(address):
        pass


@pytest.mark.parametrize("status", [401, 403, 404, 410, 416, 451])
def test_an_answer_that_stays_is_no_transient_error(loopback, url, status):
    loopback.tricks = [{"status": status}]
    with pytest.raises(DownloadError, match=str(status)) as caught, Web().get(url):
        pass
    assert not isinstance(caught.value, TransientError)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_passes_is_a_transient_error(loopback, url, status):
    loopback.tricks = [{"status": status, "headers": {"Retry-After": "9"}}]
    with pytest.raises(TransientError, match=str(status)) as caught, Web().get(url):
        pass
    assert caught.value.wait_s == 9


def test_retry_after_may_be_a_date(loopback, url):
    when = email.utils.formatdate(time.time() + 60, usegmt=True)
    loopback.tricks = [{"status": 503, "headers": {"Retry-After": when}}]
    with pytest.raises(TransientError) as caught, Web().get(url):
        pass
    assert 30 < caught.value.wait_s <= 60


def test_a_part_without_its_place_is_refused(loopback, url):
    loopback.tricks = [{"status": 206}]
    with pytest.raises(DownloadError, match="which part"), Web().get(url, 5):
        pass


def test_an_empty_answer_is_refused(loopback, url):
    loopback.tricks = [{"status": 204}]
    with pytest.raises(DownloadError, match="204"), Web().get(url):
        pass


def test_a_cut_connection_ends_the_blocks(loopback, url):
    loopback.tricks = [{"cut_after": 1_000}]
    got = b""
    with Web().get(url) as reply:
        try:
            for block in reply.blocks:
                got += block
        except TransientError:
            pass  # newer Pythons notice the missing bytes themselves
    assert got == CONTENT[:1_000]


def test_a_silent_server_is_given_up_on():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}/a.bin"
        with pytest.raises(TransientError, match="cannot be reached"), Web(timeout_s=0.2).get(address):
            pass


def test_a_closed_port_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with pytest.raises(TransientError) as caught, Web().get(f"http://127.0.0.1:{port}/a.bin"):
        pass
    assert caught.value.unreachable


def test_a_host_that_nobody_knows_is_unreachable(monkeypatch):
    def ask_nobody(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", ask_nobody)
    with pytest.raises(TransientError, match="cannot be reached") as caught, Web().get("http://host.invalid/a.bin"):
        pass
    assert str(caught.value) == "host.invalid cannot be reached (Name or service not known)"
    assert caught.value.unreachable


def test_patience_asks_at_once_whether_one_is_online():
    waits = []
    with pytest.raises(DownloadError, match=r"are you online\? Run this again"):
        Patience(Web(pause=waits.append)).wait(TransientError("no contact", unreachable=True))
    assert waits == []


def test_patience_survives_a_network_that_goes_away_in_between():
    waits = []
    patience = Patience(Web(pause=waits.append))
    patience.wait(TransientError("cut"), arrived=5)
    patience.wait(TransientError("no contact", unreachable=True))
    assert waits == [1, 2]


def test_patience_ends():
    waits = []
    patience = Patience(Web(pause=waits.append, tries=3))
    patience.wait(TransientError("cut"))
    patience.wait(TransientError("cut"))
    with pytest.raises(DownloadError, match="cut, 3 times in a row"):
        patience.wait(TransientError("cut"))
    assert waits == [1, 2]


def test_patience_begins_anew_when_much_has_arrived():
    waits = []
    patience = Patience(Web(pause=waits.append, tries=3))
    for _ in range(10):
        patience.wait(TransientError("cut"), arrived=5_000_000)
    assert waits == [1] * 10


def test_patience_waits_as_long_as_the_server_asks():
    waits = []
    Patience(Web(pause=waits.append)).wait(TransientError("busy", wait_s=17.0))
    assert waits == [17]


def test_patience_does_not_wait_for_an_hour():
    waits = []
    with pytest.raises(DownloadError, match="asks to wait 3,600 s"):
        Patience(Web(pause=waits.append)).wait(TransientError("busy", wait_s=3600.0))
    assert waits == []
    assert LONGEST_WAIT_S < 3600
