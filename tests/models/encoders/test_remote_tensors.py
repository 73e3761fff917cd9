"""Some tensors of a remote file: only their bytes travel, and what is cut goes on."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save

from hearfelt.corpora.web import Web
from hearfelt.errors import DownloadError
from hearfelt.models.encoders.remote_tensors import fetch_tensors

server = runpy.run_path(str(Path(__file__).parents[2] / "corpora" / "server.py"))
loopback = server["loopback"]

generator = torch.Generator().manual_seed(0)
TENSORS = {
    "decoder.big": torch.randn(300, 300, generator=generator),
    "encoder.first": torch.randn(100, 150, generator=generator),
    "encoder.second": torch.randn(40, 50, generator=generator),
    "middle.big": torch.randn(200, 200, generator=generator),
    "tail.half": torch.randn(7, generator=generator).half(),
}
WANTED = ("encoder.second", "encoder.first", "tail.half")
WANTED_BYTES = (100 * 150 + 40 * 50) * 4 + 7 * 2
CONTENT = save(TENSORS, {"format": "pt"})


@pytest.fixture
def url(loopback):
    loopback.files["model.safetensors"] = CONTENT
    return f"{loopback.base}/model.safetensors"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pretrained" / "toy.safetensors"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def web(waits):
    return Web(pause=waits.append, tries=4)


def is_right(path):
    read = load_file(path)
    assert set(read) == set(WANTED)
    for name in WANTED:
        assert read[name].dtype == TENSORS[name].dtype
        assert torch.equal(read[name], TENSORS[name])
    return sorted(entry.name for entry in path.parent.iterdir()) == ["toy.safetensors"]


def test_the_wanted_tensors_arrive_and_nothing_else(loopback, url, path, web):
    assert fetch_tensors(url, WANTED, path, web=web) == WANTED_BYTES
    assert is_right(path)
    assert loopback.bytes_served < WANTED_BYTES + 3_000  # the table, twice its length, and the tensors
    assert loopback.bytes_served < len(CONTENT) / 4


def test_neighbours_come_with_one_request(loopback, url, path, web):
    fetch_tensors(url, ["encoder.first", "encoder.second"], path, web=web)
    assert len(loopback.requests) == 3  # the table's length, the table, both tensors


def test_progress_adds_up(url, path, web):
    steps = []
    fetch_tensors(url, WANTED, path, web=web, progress=steps.append)
    assert sum(steps) == WANTED_BYTES


def test_after_a_cut_only_the_rest_is_asked_for(loopback, url, path, web, waits):
    loopback.tricks = [{}, {}, {"cut_after": 30_000}]
    assert fetch_tensors(url, WANTED, path, web=web) == WANTED_BYTES
    assert is_right(path)
    assert loopback.requests[3][2] == server["ETAG"]
    assert loopback.bytes_served < WANTED_BYTES + 3_000
    assert waits == []  # something came each time


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(loopback, url, path, web):
    loopback.tricks = [{}, {}, {"cut_after": 30_000}, *[{"status": 503}] * 4]
    with pytest.raises(DownloadError, match=r"503.*4 times in a row"):
        fetch_tensors(url, WANTED, path, web=web)
    assert not path.exists()
    assert fetch_tensors(url, WANTED, path, web=web) == WANTED_BYTES - 30_000
    assert is_right(path)


def test_a_server_without_ranges_sends_everything_and_the_wanted_bytes_are_kept(loopback, url, path, web):
    loopback.always = {"no_ranges": True}
    assert fetch_tensors(url, WANTED, path, web=web) == WANTED_BYTES
    assert is_right(path)


def test_a_server_without_ranges_that_breaks_off_is_asked_again(loopback, url, path, web):
    loopback.always = {"no_ranges": True}
    place = CONTENT.index(TENSORS["encoder.first"].numpy().tobytes())
    loopback.tricks = [{"no_ranges": True}, {"no_ranges": True}, {"no_ranges": True, "cut_after": place + 5_000}]
    assert fetch_tensors(url, WANTED, path, web=web) == WANTED_BYTES
    assert is_right(path)


def test_another_version_on_the_server_starts_over(loopback, url, path, web):
    path.parent.mkdir()
    path.with_name("toy.safetensors.part").write_bytes(b"of an older version")
    path.with_name("toy.safetensors.etag").write_text('"older"')
    fetch_tensors(url, WANTED, path, web=web)
    assert is_right(path)


def test_a_version_that_changes_meanwhile_is_not_mixed_in(loopback, url, path, web):
    loopback.tricks = [{}, {}, {"cut_after": 30_000}, {"etag": '"version-2"'}]
    with pytest.raises(DownloadError, match="the file changed while it was fetched; run this again"):
        fetch_tensors(url, WANTED, path, web=web)
    fetch_tensors(url, WANTED, path, web=web)
    assert is_right(path)


def test_bytes_from_behind_the_place_asked_for_are_refused(loopback, url, path, web):
    loopback.tricks = [{}, {}, {"shift": 100}]
    with pytest.raises(DownloadError, match=r"asked for the bytes from [\d,]+, got those from [\d,]+"):
        fetch_tensors(url, WANTED, path, web=web)


def test_a_tensor_that_is_not_there_is_named(url, path, web):
    with pytest.raises(DownloadError, match=r"there is no tensor encoder.third in it; it is another file"):
        fetch_tensors(url, [*WANTED, "encoder.third"], path, web=web)
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 a zip, perhaps a pickle",
        b"\x80\x02}q",
        b"",
        (12).to_bytes(8, "little") + b'{"no": "json',
        (2).to_bytes(8, "little") + b"[]",
        (18).to_bytes(8, "little") + b'{"tail.half":{   }}',
        np.random.default_rng(0).bytes(5_000),
    ],
)
def test_what_is_no_such_file_is_one_sentence(loopback, path, web, content):
    loopback.files["other"] = content
    with pytest.raises(DownloadError, match=r"/other"):
        fetch_tensors(f"{loopback.base}/other", ["tail.half"], path, web=web)
    assert not path.exists()


def test_a_file_that_is_gone_names_where_another_place_is_told(loopback, path, waits):
    web = Web(pause=waits.append, place="HEARFELT_WHISPER")
    with pytest.raises(DownloadError, match=r"404.*its new place into HEARFELT_WHISPER"):
        fetch_tensors(f"{loopback.base}/gone", WANTED, path, web=web)
