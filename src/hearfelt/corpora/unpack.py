"""Unpacking a zip that a stranger made: nothing outside the folder, nothing endless, no half file."""

from __future__ import annotations

import shutil
import stat
import struct
import zlib
from pathlib import Path, PurePosixPath
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from hearfelt.errors import DownloadError

__all__ = ["UNREADABLE", "DamagedMemberError", "crc_of", "safe_members", "unpack_member"]

# What zipfile raises for damaged zips: some of it unwillingly, such as for a name that is no text.
UNREADABLE: Final = (BadZipFile, EOFError, NotImplementedError, ValueError, struct.error, zlib.error)

_ENCRYPTED: Final = 0x1  # general purpose bit 0 (APPNOTE.TXT 4.4.4)


class DamagedMemberError(DownloadError):
    """A member of a zip whose bytes are not those that its checksum was made of."""


def safe_members(archive: ZipFile, name: str, *, most_bytes: int) -> list[ZipInfo]:
    """List the files in a zip, or refuse all of it if any could do harm.

    Args:
        archive: the opened zip.
        name: of the zip, for messages.
        most_bytes: how much all files together may unpack to.

    Returns:
        The members that are files, in the order of the directory.

    Raises:
        DownloadError: if a name is absolute, has ``..`` or a backslash in it or comes twice, if a member is a link,
            encrypted or packed unusually, or if there is too much.
    """
    files = [member for member in archive.infolist() if not member.is_dir()]
    seen: set[str] = set()
    for member in files:
        fault = _fault(member)
        if member.filename.casefold() in seen:
            fault = "is in it twice"
        if fault:
            raise DownloadError(f"{name}: {member.filename!r} {fault}; none of it was unpacked")
        seen.add(member.filename.casefold())
    total = sum(member.file_size for member in files)
    if total > most_bytes:
        raise DownloadError(
            f"{name}: it would unpack to {total:,} bytes, and {most_bytes:,} is more than enough; nothing was unpacked"
        )
    return files


def unpack_member(archive: ZipFile, member: ZipInfo, folder: Path, scratch: Path) -> Path:
    """Unpack one file; under its own name it is only ever whole.

    Nothing is flushed to the disk file by file, which would take minutes for thousands of clips: a process that
    is killed leaves no half file this way, and after a power cut the sizes in the receipt show what is missing.

    Args:
        archive: the opened zip.
        member: one of :func:`safe_members`.
        folder: where to unpack to.
        scratch: a file on the same disk to write to first.

    Returns:
        Where the file is now.

    Raises:
        DamagedMemberError: if the bytes do not fit the checksum (CRC-32) or cannot be unpacked.
    """
    target = folder / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # ZipExtFile gives no more than file_size bytes and compares the CRC at the last one.
        with archive.open(member) as packed, scratch.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        if scratch.stat().st_size != member.file_size:
            raise BadZipFile(f"{scratch.stat().st_size:,} of {member.file_size:,} bytes")
        scratch.replace(target)
    except UNREADABLE as error:
        raise DamagedMemberError(f"{member.filename} is damaged in the zip ({error})") from error
    finally:
        scratch.unlink(missing_ok=True)
    return target


def crc_of(path: Path) -> int:
    """Compute the CRC-32 of a file, as a zip states it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "check"
        ...     _ = path.write_bytes(b"123456789")
        ...     f"{crc_of(path):08x}"
        'cbf43926'
    """
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc


def _fault(member: ZipInfo) -> str:
    parts = PurePosixPath(member.filename).parts
    # ":" would be a drive or a stream on Windows; a NUL hides what follows it.
    if not parts or parts[0] == "/" or ".." in parts or any(sign in member.orig_filename for sign in "\\:\0"):
        return "is no name of a file inside a folder"
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or a device"
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "is packed in a way that is not read here"
    return "is encrypted" if member.flag_bits & _ENCRYPTED else ""
