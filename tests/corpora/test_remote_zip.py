import random
import runpy
import struct
import zipfile
from pathlib import Path

import pytest

from hearfelt.corpora.remote_zip import GAP, LONGEST_RUN, TAIL, open_remote_zip
from hearfelt.corpora.unpack import safe_members, unpack_member
from hearfelt.corpora.web import RangesIgnoredError, Web
from hearfelt.errors import DownloadError

server = runpy.run_path(str(Path(__file__).with_name("server.py")))
loopback = server["loopback"]

HARD = Web(pause=lambda seconds: None, tries=3)


@pytest.fixture
def ravdess(loopback, tmp_path):
    """A zip of 24 actors with 60 clips of 6 kB each, on the server; its path and its clips."""
    path = tmp_path / "speech.zip"
    clips = server["ravdess_zip"](path, clip_bytes=6_000)
    loopback.files["speech.zip"] = path
    return path, clips


def opened(loopback, name="speech.zip"):
    file = loopback.files[name]
    size = file.stat().st_size if isinstance(file, Path) else len(file)
    return open_remote_zip(f"{loopback.base}/{name}", size, web=HARD)


def take(remote, wanted):
    members = [member for member in remote.archive.infolist() if wanted(member.filename)]
    contents = {}
    for run in remote.runs(members):
        remote.load(run)
        for member in run.members:
            contents[member.filename] = remote.archive.read(member)
    return contents


def test_the_directory_takes_one_request(loopback, ravdess):
    path, clips = ravdess
    with opened(loopback) as remote:
        names = {member.filename for member in remote.archive.infolist() if not member.is_dir()}
    assert names == set(clips)
    size = path.stat().st_size
    assert loopback.ranges == [f"bytes={size - TAIL}-{size - 1}"]


def test_one_actor_takes_one_more_request_and_no_more_bytes_than_needed(loopback, ravdess):
    path, clips = ravdess
    with opened(loopback) as remote:
        contents = take(remote, lambda name: name.startswith("Actor_05/") and name.endswith(".wav"))
        assert contents == {name: clips[name] for name in clips if name.startswith("Actor_05/")}
        assert remote.fetched == loopback.bytes_served
    assert len(loopback.requests) == 2
    assert loopback.bytes_served - TAIL < path.stat().st_size / 24


def test_two_actors_apart_take_two_requests(loopback, ravdess):
    with opened(loopback) as remote:
        contents = take(remote, lambda name: name.startswith(("Actor_02/0", "Actor_20/0")))
    assert len(contents) == 120
    assert len(loopback.requests) == 3


def test_clips_with_little_between_them_take_one_request(loopback, ravdess):
    _, clips = ravdess
    with opened(loopback) as remote:
        odd = take(remote, lambda name: name.startswith("Actor_07/0") and int(name[-9:-7]) % 2)
        assert odd == {name: clips[name] for name in odd}
    assert len(odd) == 30
    assert len(loopback.requests) == 2


def test_every_member_is_in_exactly_one_run(loopback, ravdess):
    with opened(loopback) as remote:
        members = remote.archive.infolist()
        runs = remote.runs(members)
        assert [member for run in runs for member in run.members] == members
        assert all(run.stop - run.start <= LONGEST_RUN for run in runs)
        assert runs[-1].stop == remote.archive.start_dir


def test_a_directory_longer_than_the_tail_is_read_whole(loopback, tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5_000):
            archive.writestr(f"a_folder_with_a_long_name/{number:05d}", str(number))
    loopback.files["many.zip"] = path
    with opened(loopback, "many.zip") as remote:
        assert len(remote.archive.infolist()) == 5_000
        assert take(remote, lambda name: name.endswith("/00042")) == {"a_folder_with_a_long_name/00042": b"42"}
    assert len(loopback.requests) == 3


def test_a_zip_with_more_members_than_16_bits_count_is_read(loopback, tmp_path):
    path = tmp_path / "crowd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(0x10000):
            archive.writestr(str(number), b"")
    loopback.files["crowd.zip"] = path
    with opened(loopback, "crowd.zip") as remote:
        assert len(remote.archive.infolist()) == 0x10000


def test_a_member_behind_four_gigabytes_is_found(loopback, tmp_path):
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.truncate(5 << 30)  # sparse: it takes no room
    clips = server["ravdess_zip"](path, actors=[1], clips_each=2)
    loopback.files["large.zip"] = path
    with opened(loopback, "large.zip") as remote:
        assert min(member.header_offset for member in remote.archive.infolist()) > 0xFFFFFFFF
        assert take(remote, lambda name: name.endswith(".wav")) == clips
    assert loopback.bytes_served < 2 * TAIL


def test_what_lies_between_two_members_far_apart_is_not_fetched(loopback, tmp_path):
    path = tmp_path / "gap.zip"
    first = server["ravdess_zip"](path, actors=[1], clips_each=1)
    start = path.stat().st_size + 100 * GAP
    with path.open("r+b") as file:
        file.truncate(start)  # zipfile writes the directory anew behind the second clip
    _move_directory(path)
    second = server["ravdess_zip"](path, actors=[2], clips_each=1)
    loopback.files["gap.zip"] = path
    with opened(loopback, "gap.zip") as remote:
        assert take(remote, lambda name: name.endswith(".wav")) == first | second
    assert loopback.bytes_served < TAIL + 2 * GAP * 2


def _move_directory(path):
    """Put the directory of a zip that zeros were written behind at its end."""
    content = path.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    size, offset = struct.unpack("<II", content[end + 12 : end + 20])
    directory, record = content[offset : offset + size], content[end : end + 22]
    path.write_bytes(
        content[:offset]
        + bytes(len(content) - offset)
        + directory
        + record[:16]
        + struct.pack("<I", len(content))
        + record[20:]
    )


def test_a_cut_run_goes_on_where_it_stopped(loopback, ravdess):
    _, clips = ravdess
    loopback.tricks = [{}, {"cut_after": 50_000}]
    with opened(loopback) as remote:
        contents = take(remote, lambda name: name.startswith("Actor_05/0"))
    assert contents == {name: clips[name] for name in clips if name.startswith("Actor_05/")}
    first, second = (int(asked[6:].partition("-")[0]) for asked in loopback.ranges[1:])
    assert second - first == 50_000


def test_progress_counts_the_bytes_of_a_run(loopback, ravdess):
    with opened(loopback) as remote:
        (run,) = remote.runs(remote.archive.infolist()[24:84])
        steps = []
        remote.load(run, steps.append)
    assert sum(steps) == run.stop - run.start


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(loopback, ravdess, status):
    loopback.tricks = [{"status": status}, {}, {"status": status}]
    with opened(loopback) as remote:
        assert len(take(remote, lambda name: name.startswith("Actor_05/0"))) == 60


def test_a_server_without_ranges_is_told_apart(loopback, ravdess):
    loopback.always = {"no_ranges": True}
    with pytest.raises(RangesIgnoredError, match="whole files only"), opened(loopback):
        pass


@pytest.mark.parametrize(
    ("trick", "sentence"),
    [
        ({"status": 404}, "404"),
        ({"total": 5}, "5 bytes are there"),
        ({"shift": 1}, "got those from"),
        ({"cut_after": 10}, "3 times in a row"),
    ],
)
def test_what_else_goes_wrong_is_one_sentence(loopback, ravdess, trick, sentence):
    loopback.always = trick
    with pytest.raises(DownloadError, match=sentence), opened(loopback):
        pass


@pytest.mark.parametrize("content", [b"", b"<html>", bytes(300_000), b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_zip_is_said_to_be_none(loopback, content):
    loopback.files["page.zip"] = content
    with pytest.raises(DownloadError, match="is no zip"), opened(loopback, "page.zip"):
        pass


def test_a_damaged_zip_ends_in_a_sentence_or_in_the_clips_it_held(loopback, tmp_path):
    path = tmp_path / "small.zip"
    clips = server["ravdess_zip"](path, actors=[1], clips_each=3, clip_bytes=50)
    whole = path.read_bytes()
    chance = random.Random(0)
    refused = 0
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(2):
            content[chance.randrange(len(whole))] = chance.randrange(256)
        loopback.files["small.zip"] = bytes(content)
        try:
            with opened(loopback, "small.zip") as remote:
                members = safe_members(remote.archive, "small.zip", most_bytes=1_000)
                for run in remote.runs(members):
                    remote.load(run)
                    for member in run.members:
                        target = unpack_member(remote.archive, member, tmp_path / "out", tmp_path / "scratch")
                        assert target.read_bytes() in clips.values()
        except DownloadError:
            refused += 1
    assert 100 < refused < 400
