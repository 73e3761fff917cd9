import json
import zipfile

import pytest

from hearfelt.corpora.receipt import RECEIPT_NAME, Receipt, Received, read_receipt


@pytest.fixture
def folder(tmp_path):
    """Two clips of actor 1 and one of actor 2, with their receipt."""
    clips = {"Actor_01/a.wav": b"aaa", "Actor_01/b.wav": b"bb", "Actor_02/c.wav": b"c"}
    for name, content in clips.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    Receipt("x.zip", {name: Received(len(content), 7) for name, content in clips.items()}).write(tmp_path)
    return tmp_path


def test_what_is_written_is_read_back(folder):
    receipt = read_receipt(folder, "x.zip")
    assert receipt.clips["Actor_01/a.wav"] == Received(3, 7)
    assert len(receipt.clips) == 3


def test_it_lists_name_size_and_crc(folder):
    content = json.loads((folder / RECEIPT_NAME).read_text())
    assert content["archive"] == "x.zip"
    assert content["clips"][1] == {"name": "Actor_01/b.wav", "size": 2, "crc32": "00000007"}


def test_an_actor_is_whole_with_all_clips(folder):
    receipt = read_receipt(folder, "x.zip")
    assert receipt.whole_actors(folder, 2) == {1}
    assert receipt.whole_actors(folder, 1) == {1, 2}


def test_a_clip_that_is_gone_or_shorter_is_missed(folder):
    (folder / "Actor_01/a.wav").write_bytes(b"aa")
    (folder / "Actor_02/c.wav").unlink()
    assert read_receipt(folder, "x.zip").whole_actors(folder, 1) == {1}
    assert read_receipt(folder, "x.zip").whole_actors(folder, 2) == set()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"archive": "x.zip"}', '{"archive": "x.zip", "clips": [{"name": "a"}]}', "\xff"]
)
def test_a_damaged_receipt_counts_as_none(folder, text):
    (folder / RECEIPT_NAME).write_bytes(text.encode("latin-1"))
    assert read_receipt(folder, "x.zip").clips == {}


def test_the_receipt_of_another_zip_counts_as_none(folder):
    assert read_receipt(folder, "y.zip").clips == {}


def test_clips_are_added(folder):
    member = zipfile.ZipInfo("Actor_03/d.wav")
    member.file_size, member.CRC = 5, 0xFFFFFFFF
    receipt = read_receipt(folder, "x.zip").plus([member])
    receipt.write(folder)
    assert read_receipt(folder, "x.zip").clips == receipt.clips
    assert receipt.clips["Actor_03/d.wav"] == Received(5, 0xFFFFFFFF)
    assert len(receipt.clips) == 4
