import email.utils
import hashlib
import io
import random
import runpy
import socket
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from hearfelt.corpora.transfer import (
    Client,
    RangesIgnoredError,
    RemoteFile,
    SeekableRemote,
    _refuse_open_redirect,
    part_of,
    transfer,
)
from hearfelt.errors import DownloadError

server = runpy.run_path(str(Path(__file__).with_name("server.py")))
loopback = server["loopback"]

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def file(loopback):
    loopback.files["a.zip"] = CONTENT
    return RemoteFile(f"{loopback.base}/a.zip", len(CONTENT), MD5)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.zip"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def client(waits):
    return Client(sleep=waits.append, tries=4)


def names(path):
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_file_arrives_whole_and_alone(file, path, client):
    assert transfer(file, path, client=client) == len(CONTENT)
    assert path.read_bytes() == CONTENT
    assert names(path) == ["a.zip"]


def test_progress_adds_up_to_the_size(loopback, file, path, client):
    loopback.tricks = [{"cut_after": 100_000}, {"no_ranges": True, "cut_after": 150_000}]
    steps = []
    transfer(file, path, client=client, progress=steps.append)
    assert sum(steps) == len(CONTENT)


def test_after_a_cut_only_the_rest_is_asked_for(loopback, file, path, client, waits):
    loopback.tricks = [{"cut_after": 100_000}]
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT
    assert loopback.ranges == ["bytes=0-299999", "bytes=100000-299999"]
    assert loopback.bytes_served == len(CONTENT)
    assert waits == [1]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(loopback, file, path, client):
    loopback.tricks = [{"cut_after": 100_000}, *[{"status": 503}] * 3]
    with pytest.raises(DownloadError, match=r"503.*4 times in a row"):
        transfer(file, path, client=client)
    assert part_of(path).read_bytes() == CONTENT[:100_000]
    assert not path.exists()
    loopback.forget()
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT
    assert loopback.bytes_served == 200_000


def test_a_server_that_ignores_ranges_sends_all_of_it_again(loopback, file, path, client):
    loopback.tricks = [{"cut_after": 100_000}]
    loopback.always = {"no_ranges": True}
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_no_part_of_it(file, path, client):
    part_of(path).write_bytes(bytes(len(CONTENT) + 1))
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT


def test_a_part_that_has_all_bytes_is_verified_without_asking(loopback, file, path, client):
    part_of(path).write_bytes(CONTENT)
    assert transfer(file, path, client=client) == 0
    assert path.read_bytes() == CONTENT
    assert loopback.requests == []


def test_wrong_bytes_are_deleted_and_both_sums_are_said(loopback, file, path, client):
    loopback.tricks = [{"wrong": 1}]
    came = hashlib.md5(bytes([CONTENT[0] ^ 0xFF]) + CONTENT[1:]).hexdigest()
    with pytest.raises(DownloadError, match=f"{came}.*{MD5}"):
        transfer(file, path, client=client)
    assert names(path) == []
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT


def test_wrong_bytes_of_an_earlier_run_are_found(file, path, client):
    part_of(path).write_bytes(b"garbage")
    with pytest.raises(DownloadError, match="MD5"):
        transfer(file, path, client=client)
    assert names(path) == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(loopback, file, path, client, waits, status):
    loopback.tricks = [{"status": status, "headers": {"Retry-After": "7"}}, {"status": status}]
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT
    assert waits == [7, 2]


def test_a_server_that_stays_busy_is_left_alone(loopback, file, path, client, waits):
    loopback.always = {"status": 503}
    with pytest.raises(DownloadError, match=r"503.*4 times in a row"):
        transfer(file, path, client=client)
    assert waits == [1, 2, 4]
    assert len(loopback.requests) == 4


def test_a_server_that_asks_for_an_hour_is_left_alone(loopback, file, path, client, waits):
    loopback.tricks = [{"status": 429, "headers": {"Retry-After": "3600"}}]
    with pytest.raises(DownloadError, match="3,600 s"):
        transfer(file, path, client=client)
    assert waits == []


def test_a_missing_file_is_not_asked_for_twice(loopback, path, client):
    gone = RemoteFile(f"{loopback.base}/gone.zip", 5, MD5)
    with pytest.raises(DownloadError, match=r"404.*HEARFELT_ZENODO"):
        transfer(gone, path, client=client)
    assert len(loopback.requests) == 1


def test_another_size_is_another_file(loopback, file, path, client):
    loopback.files["a.zip"] = b"<html>please log in</html>"
    with pytest.raises(DownloadError, match=r"26 bytes are there and 300,000 were published"):
        transfer(file, path, client=client)
    assert not path.exists()
    assert not part_of(path).exists()


@pytest.mark.parametrize("length", [299_999, 300_001, 10])
def test_a_length_that_lies_is_refused(loopback, file, path, client, length):
    loopback.always = {"length": length, "no_ranges": True}
    with pytest.raises(DownloadError, match="another file"):
        transfer(file, path, client=client)
    assert not path.exists()


def test_a_size_that_lies_in_a_part_is_refused(loopback, file, path, client):
    loopback.tricks = [{"cut_after": 100_000}, {"total": 400_000}]
    with pytest.raises(DownloadError, match=r"400,000 bytes are there"):
        transfer(file, path, client=client)
    assert not path.exists()


def test_a_part_from_another_place_is_refused(loopback, file, path, client):
    loopback.tricks = [{"cut_after": 100_000}, {"shift": 1}]
    with pytest.raises(DownloadError, match=r"asked for the bytes from 100,000 on, the server sent others"):
        transfer(file, path, client=client)
    assert not path.exists()


def test_a_server_that_never_stops_fills_no_disk(loopback, file, path, client):
    loopback.tricks = [{"endless": True, "no_ranges": True}]
    transfer(file, path, client=client)
    assert path.read_bytes() == CONTENT


def test_a_server_that_cuts_every_time_is_left_in_the_end(loopback, file, path, client):
    loopback.always = {"cut_after": 1_000}
    with pytest.raises(DownloadError, match="4 times in a row; run this again later: what has arrived is kept"):
        transfer(file, path, client=client)
    assert part_of(path).read_bytes() == CONTENT[:4_000]


def test_whole_means_every_byte(file, path):
    assert not file.is_at(path)
    path.write_bytes(CONTENT[:-1])
    assert not file.is_at(path)
    path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    assert not file.is_at(path)
    path.write_bytes(CONTENT)
    assert file.is_at(path)


# What a client asks, and what it makes of the answers


def read(client, file, start=0, stop=None, **options):
    return b"".join(client.read(file, start, file.size if stop is None else stop, **options))


def test_a_part_is_the_bytes_from_start_to_before_stop(loopback, file, client):
    assert read(client, file, 100, 300) == CONTENT[100:300]
    assert loopback.ranges == ["bytes=100-299"]


def test_the_program_says_who_it_is(loopback, file, client):
    read(client, file, 0, 1)
    assert loopback.requests[0][3].startswith("hearfelt/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_with_its_range(loopback, file, client, status):
    loopback.tricks = [{"status": status, "headers": {"Location": file.url}}]
    elsewhere = RemoteFile(f"{loopback.base}/elsewhere", file.size, MD5)
    assert read(client, elsewhere, 5, 9) == CONTENT[5:9]
    assert loopback.ranges == ["bytes=5-8"] * 2


def test_redirects_in_a_circle_end(loopback, file, client):
    loopback.always = {"status": 302, "headers": {"Location": file.url}}
    with pytest.raises(DownloadError, match="redirects"):
        read(client, file)
    assert len(loopback.requests) < 40


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/a.bin", "file:///etc/hostname"])
def test_a_redirect_out_of_the_web_is_not_followed(loopback, file, client, place):
    loopback.tricks = [{"status": 302, "headers": {"Location": place}}]
    with pytest.raises(DownloadError, match=r"https://… is wanted"):
        read(client, file)


@pytest.mark.parametrize(("place", "is_refused"), [("http://a/b", True), ("https://a/b", False), ("/b", False)])
def test_a_redirect_to_an_open_connection_is_refused(place, is_refused):
    answer = httpx.Response(302, headers={"Location": place}, request=httpx.Request("GET", "https://zenodo.org/a"))
    if is_refused:
        with pytest.raises(DownloadError, match="not encrypted"):
            _refuse_open_redirect(answer)
    else:
        _refuse_open_redirect(answer)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://a/b", "zenodo.org/x.zip", ""])
def test_only_web_addresses_are_asked(client, address):
    with pytest.raises(DownloadError, match=r"https://… is wanted"):
        read(client, RemoteFile(address, 5, MD5))


@pytest.mark.parametrize("address", ["http://127.0.0.1:x/y.zip", "http://", "http://[x/", "http://a..b/x.zip"])
def test_an_address_that_cannot_be_one_is_refused(client, address):
    with pytest.raises(DownloadError):
        read(client, RemoteFile(address, 5, MD5))


@pytest.mark.parametrize("status", [204, 401, 403, 404, 410, 416, 451])
def test_an_answer_that_stays_ends_it_at_once(loopback, file, client, waits, status):
    loopback.tricks = [{"status": status}]
    with pytest.raises(DownloadError, match=str(status)):
        read(client, file)
    assert waits == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_passes_is_waited_for(loopback, file, client, waits, status):
    loopback.tricks = [{"status": status, "headers": {"Retry-After": "9"}}]
    assert read(client, file) == CONTENT
    assert waits == [9]


def test_retry_after_may_be_a_date(loopback, file, client, waits):
    when = email.utils.formatdate(time.time() + 60, usegmt=True)
    loopback.tricks = [{"status": 503, "headers": {"Retry-After": when}}]
    read(client, file)
    assert 30 < waits[0] <= 60


def test_a_part_without_its_place_is_refused(loopback, file, client):
    loopback.tricks = [{"status": 206}]
    with pytest.raises(DownloadError, match="the server sent others"):
        read(client, file, 5)


def test_much_data_between_faults_counts_as_success(loopback, client, waits):
    loopback.files["large"] = bytes(8 << 20)
    loopback.tricks = [{"cut_after": 3 << 19}] * 5
    read(client, RemoteFile(f"{loopback.base}/large", 8 << 20, ""))
    assert waits == [1] * 5


def test_a_silent_server_is_given_up_on(waits):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = RemoteFile(f"http://127.0.0.1:{mute.getsockname()[1]}/a.bin", 5, MD5)
        with pytest.raises(DownloadError, match="2 times in a row"):
            read(Client(sleep=waits.append, tries=2, timeout_s=0.1), silent)
    assert waits == [1]


def test_a_closed_port_is_said_at_once(client, waits):
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 cannot be reached .*are you online\?"):
        read(client, RemoteFile(f"http://127.0.0.1:{port}/a.bin", 5, MD5))
    assert waits == []


# A zip that is read where it is


@pytest.fixture
def zipped(loopback, tmp_path):
    """A zip with clips of two actors far apart, and its clips."""
    made = tmp_path / "far.zip"
    clips = server["ravdess_zip"](made, actors=[1, 2], clips_each=60, clip_bytes=6_000)
    loopback.files["far.zip"] = made
    return RemoteFile(f"{loopback.base}/far.zip", made.stat().st_size, ""), clips


def test_the_directory_takes_one_request(loopback, zipped, client):
    remote, clips = zipped
    with zipfile.ZipFile(io.BufferedReader(SeekableRemote(remote, client), 1 << 16)) as archive:
        assert {name for name in archive.namelist() if not name.endswith("/")} == set(clips)
    assert loopback.ranges == [f"bytes={remote.size - (1 << 18)}-{remote.size - 1}"]


def test_neighbours_share_a_request_and_each_byte_counts(loopback, zipped, client):
    remote, clips = zipped
    source = SeekableRemote(remote, client)
    wanted = [name for name in clips if name.startswith("Actor_01/")][:20]
    with zipfile.ZipFile(io.BufferedReader(source, 1 << 16)) as archive:
        assert [archive.read(name) for name in wanted] == [clips[name] for name in wanted]
    assert len(loopback.requests) == 3  # the directory, and 120 kB in two steps of 64 KiB
    assert source.fetched == loopback.bytes_served


def test_a_cut_goes_on_where_it_stopped(loopback, zipped, client):
    remote, clips = zipped
    loopback.tricks = [{}, {"cut_after": 50_000}]
    name = next(iter(clips))
    with zipfile.ZipFile(io.BufferedReader(SeekableRemote(remote, client), 1 << 17)) as archive:
        assert archive.read(name) == clips[name]
    first, second = (int(asked[6:].partition("-")[0]) for asked in loopback.ranges[1:])
    assert second - first == 50_000


def test_a_member_behind_four_gigabytes_is_found(loopback, tmp_path, client):
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.truncate(5 << 30)  # sparse: it takes no room
    clips = server["ravdess_zip"](path, actors=[1], clips_each=2)
    loopback.files["large.zip"] = path
    remote = RemoteFile(f"{loopback.base}/large.zip", path.stat().st_size, "")
    with zipfile.ZipFile(io.BufferedReader(SeekableRemote(remote, client), 1 << 16)) as archive:
        assert {name: archive.read(name) for name in clips} == clips
    assert loopback.bytes_served < 1 << 20


def test_a_server_without_ranges_is_told_apart(loopback, zipped, client):
    loopback.always = {"no_ranges": True}
    with pytest.raises(RangesIgnoredError, match="whole files only"):
        SeekableRemote(zipped[0], client)
