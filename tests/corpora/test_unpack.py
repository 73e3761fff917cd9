import io
import stat
import zipfile

import pytest

from hearfelt.corpora.unpack import DamagedMemberError, crc_of, safe_members, unpack_member
from hearfelt.errors import DownloadError

MUCH = 1_000_000


def opened(**contents):
    """Open a zip made of names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return zipfile.ZipFile(buffer)


def with_member(member, content=b"x"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("good.wav", b"good")
        archive.writestr(member, content)
    return zipfile.ZipFile(buffer)


def test_files_are_listed_and_folders_are_not():
    archive = opened(**{"Actor_01/": b"", "Actor_01/a.wav": b"a", "b.wav": b"b"})
    assert [member.filename for member in safe_members(archive, "x.zip", most_bytes=MUCH)] == [
        "Actor_01/a.wav",
        "b.wav",
    ]


@pytest.mark.parametrize(
    "name", ["../evil.wav", "a/../../evil.wav", "/etc/evil.wav", "a\\..\\evil.wav", "C:evil.wav", "a/./../b", ".."]
)
def test_a_name_that_leaves_the_folder_spoils_the_zip(name):
    with pytest.raises(DownloadError, match=r"x\.zip: .* is no name of a file inside a folder; none of it"):
        safe_members(with_member(name), "x.zip", most_bytes=MUCH)


def test_a_name_with_a_nul_in_it_spoils_the_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.wav_evil", b"x")
    archive = zipfile.ZipFile(io.BytesIO(buffer.getvalue().replace(b"a.wav_", b"a.wav\0")))
    with pytest.raises(DownloadError, match="is no name"):
        safe_members(archive, "x.zip", most_bytes=MUCH)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFCHR])
def test_a_link_or_a_device_spoils_the_zip(kind):
    member = zipfile.ZipInfo("link.wav")
    member.external_attr = (kind | 0o777) << 16
    with pytest.raises(DownloadError, match="is a link or a device"):
        safe_members(with_member(member, b"/etc/passwd"), "x.zip", most_bytes=MUCH)


def test_an_encrypted_member_spoils_the_zip():
    archive = opened(**{"a.wav": b"a"})
    archive.infolist()[0].flag_bits |= 1
    with pytest.raises(DownloadError, match="encrypted"):
        safe_members(archive, "x.zip", most_bytes=MUCH)


def test_unusual_packing_spoils_the_zip():
    member = zipfile.ZipInfo("a.wav")
    member.compress_type = zipfile.ZIP_LZMA
    with pytest.raises(DownloadError, match="packed in a way"):
        safe_members(with_member(member), "x.zip", most_bytes=MUCH)


def test_a_name_that_comes_twice_spoils_the_zip():
    with pytest.raises(DownloadError, match="is in it twice"):
        safe_members(opened(**{"a.wav": b"a", "A.WAV": b"b"}), "x.zip", most_bytes=MUCH)


def test_a_zip_that_swells_is_refused_before_it_does():
    with pytest.raises(DownloadError, match="would unpack to 5,000,000 bytes"):
        safe_members(opened(**{"a.wav": bytes(5_000_000)}), "x.zip", most_bytes=MUCH)


def test_a_member_comes_out_whole_and_the_scratch_goes(tmp_path):
    archive = opened(**{"Actor_01/a.wav": b"sound" * 1000})
    target = unpack_member(archive, archive.infolist()[0], tmp_path / "out", tmp_path / "scratch")
    assert target == tmp_path / "out/Actor_01/a.wav"
    assert target.read_bytes() == b"sound" * 1000
    assert not (tmp_path / "scratch").exists()


def test_a_flipped_bit_leaves_the_older_file_as_it_was(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.wav", b"sound")
    archive = zipfile.ZipFile(io.BytesIO(buffer.getvalue().replace(b"sound", b"s0und")))
    (tmp_path / "a.wav").write_bytes(b"older")
    with pytest.raises(DamagedMemberError, match=r"a\.wav is damaged.*CRC"):
        unpack_member(archive, archive.infolist()[0], tmp_path, tmp_path / "scratch")
    assert (tmp_path / "a.wav").read_bytes() == b"older"
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("place", range(31, 60, 4))
def test_damaged_packing_is_noticed(tmp_path, place):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(range(256)))
    content = bytearray(buffer.getvalue())
    content[place] ^= 0xFF
    archive = zipfile.ZipFile(io.BytesIO(content))
    with pytest.raises(DamagedMemberError):
        unpack_member(archive, archive.infolist()[0], tmp_path, tmp_path / "scratch")
    assert list(tmp_path.iterdir()) == []


def test_a_member_that_says_it_is_larger_is_noticed(tmp_path):
    archive = opened(**{"a.wav": b"sound"})
    archive.infolist()[0].file_size = 6
    with pytest.raises(DamagedMemberError):
        unpack_member(archive, archive.infolist()[0], tmp_path, tmp_path / "scratch")
    assert list(tmp_path.iterdir()) == []


def test_the_crc_is_the_one_in_the_zip(tmp_path):
    archive = opened(**{"a.wav": bytes(range(256)) * 9000})
    member = archive.infolist()[0]
    assert crc_of(unpack_member(archive, member, tmp_path, tmp_path / "scratch")) == member.CRC
