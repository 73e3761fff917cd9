import hashlib
import random
import runpy
from pathlib import Path

import pytest

from hearfelt.corpora.transfer import RemoteFile, is_whole, part_of, transfer
from hearfelt.corpora.web import Web
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
def web(waits):
    return Web(pause=waits.append, tries=4)


def names(path):
    return sorted(entry.name for entry in path.parent.iterdir())


def test_a_file_arrives_whole_and_alone(file, path, web):
    assert transfer(file, path, web=web) == len(CONTENT)
    assert path.read_bytes() == CONTENT
    assert names(path) == ["a.zip"]


def test_progress_adds_up_to_the_size(loopback, file, path, web):
    loopback.tricks = [{"cut_after": 100_000}, {"no_ranges": True, "cut_after": 50_000}]
    steps = []
    transfer(file, path, web=web, progress=steps.append)
    assert sum(steps) == len(CONTENT)


def test_a_whole_file_is_not_asked_for_again(loopback, file, path, web):
    path.write_bytes(CONTENT)
    assert transfer(file, path, web=web) == 0
    assert loopback.requests == []


def test_a_file_of_the_right_size_with_a_wrong_byte_is_fetched_again(file, path, web):
    path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT


def test_after_a_cut_only_the_rest_is_asked_for(loopback, file, path, web, waits):
    loopback.tricks = [{"cut_after": 100_000}]
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT
    assert loopback.ranges == [None, "bytes=100000-"]
    assert loopback.requests[1][2] == server["ETAG"]
    assert loopback.bytes_served == len(CONTENT)
    assert waits == [1]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(loopback, file, path, web):
    loopback.tricks = [{"cut_after": 100_000}, *[{"status": 503}] * 3]
    with pytest.raises(DownloadError, match=r"503.*4 times in a row"):
        transfer(file, path, web=web)
    assert part_of(path).read_bytes() == CONTENT[:100_000]
    assert not path.exists()
    loopback.forget()
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT
    assert loopback.bytes_served == 200_000


def test_a_server_that_ignores_ranges_sends_all_of_it_again(loopback, file, path, web):
    loopback.tricks = [{"cut_after": 100_000}]
    loopback.always = {"no_ranges": True}
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT


def test_another_version_on_the_server_starts_over(loopback, file, path, web):
    part_of(path).write_bytes(b"of an older version")
    path.with_name("a.zip.etag").write_text('"older"')
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT
    assert loopback.ranges == ["bytes=19-"]


def test_another_version_from_a_server_without_if_range_starts_over(loopback, file, path, web):
    part_of(path).write_bytes(b"of an older version")
    path.with_name("a.zip.etag").write_text('"older"')
    loopback.tricks = [{"no_if_range": True}]
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT
    assert loopback.ranges == ["bytes=19-", None]


def test_a_server_without_etag_is_resumed_too(loopback, file, path, web):
    loopback.always = {"etag": ""}
    loopback.tricks = [{"cut_after": 100_000, "etag": ""}]
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT
    assert loopback.bytes_served == len(CONTENT)


def test_a_part_longer_than_the_file_is_no_part_of_it(file, path, web):
    part_of(path).write_bytes(bytes(len(CONTENT) + 1))
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT


def test_a_part_that_has_all_bytes_is_verified_without_asking(loopback, file, path, web):
    part_of(path).write_bytes(CONTENT)
    assert transfer(file, path, web=web) == 0
    assert path.read_bytes() == CONTENT
    assert loopback.requests == []


def test_wrong_bytes_are_deleted_and_both_sums_are_said(loopback, file, path, web):
    loopback.tricks = [{"wrong": 1}]
    came = hashlib.md5(bytes([CONTENT[0] ^ 0xFF]) + CONTENT[1:]).hexdigest()
    with pytest.raises(DownloadError, match=f"{came}.*{MD5}"):
        transfer(file, path, web=web)
    assert names(path) == []
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT


def test_wrong_bytes_of_an_earlier_run_are_found(file, path, web):
    part_of(path).write_bytes(b"garbage")
    with pytest.raises(DownloadError, match="MD5"):
        transfer(file, path, web=web)
    assert names(path) == []


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(loopback, file, path, web, waits, status):
    loopback.tricks = [{"status": status, "headers": {"Retry-After": "7"}}, {"status": status}]
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT
    assert waits == [7, 2]


def test_a_server_that_stays_busy_is_left_alone(loopback, file, path, web, waits):
    loopback.always = {"status": 503}
    with pytest.raises(DownloadError, match=r"503.*4 times in a row"):
        transfer(file, path, web=web)
    assert waits == [1, 2, 4]
    assert len(loopback.requests) == 4


def test_a_server_that_asks_for_an_hour_is_left_alone(loopback, file, path, web, waits):
    loopback.tricks = [{"status": 429, "headers": {"Retry-After": "3600"}}]
    with pytest.raises(DownloadError, match="3,600 s"):
        transfer(file, path, web=web)
    assert waits == []


def test_a_missing_file_is_not_asked_for_twice(loopback, path, web):
    gone = RemoteFile(f"{loopback.base}/gone.zip", 5, MD5)
    with pytest.raises(DownloadError, match=r"404.*HEARFELT_ZENODO"):
        transfer(gone, path, web=web)
    assert len(loopback.requests) == 1


def test_another_size_is_another_file(loopback, file, path, web):
    loopback.files["a.zip"] = b"<html>please log in</html>"
    with pytest.raises(DownloadError, match=r"26 bytes are there and 300,000 were published"):
        transfer(file, path, web=web)
    assert not path.exists()
    assert not part_of(path).exists()


@pytest.mark.parametrize("length", [299_999, 300_001, 10])
def test_a_length_that_lies_is_refused(loopback, file, path, web, length):
    loopback.always = {"length": length}
    with pytest.raises(DownloadError, match="another file"):
        transfer(file, path, web=web)
    assert not path.exists()


def test_a_size_that_lies_in_a_part_is_refused(loopback, file, path, web):
    loopback.tricks = [{"cut_after": 100_000}, {"total": 400_000}]
    with pytest.raises(DownloadError, match=r"400,000 bytes are there"):
        transfer(file, path, web=web)
    assert not path.exists()


def test_a_part_from_another_place_is_refused(loopback, file, path, web):
    loopback.tricks = [{"cut_after": 100_000}, {"shift": 1}]
    with pytest.raises(DownloadError, match=r"from 100,000, got those from 100,001"):
        transfer(file, path, web=web)
    assert not path.exists()


def test_a_server_that_never_stops_fills_no_disk(loopback, file, path, web):
    loopback.tricks = [{"endless": True}]
    transfer(file, path, web=web)
    assert path.read_bytes() == CONTENT


def test_a_server_that_cuts_every_time_is_left_in_the_end(loopback, file, path, web):
    loopback.always = {"cut_after": 1_000}
    with pytest.raises(DownloadError, match="4 times in a row; run this again later: what has arrived is kept"):
        transfer(file, path, web=web)
    assert part_of(path).read_bytes() == CONTENT[:4_000]


def test_whole_means_every_byte(file, path):
    assert not is_whole(file, path)
    path.write_bytes(CONTENT[:-1])
    assert not is_whole(file, path)
    path.write_bytes(CONTENT)
    assert is_whole(file, path)
