"""Catalog of the corpora, and reading a folder into clips."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from hearfelt.audio.reader import AUDIO_SUFFIXES, audio_files
from hearfelt.corpora.audformat import AUDFORMAT, is_database
from hearfelt.corpora.base import CorpusFormat, Reading, stem_of
from hearfelt.corpora.clips import Clips
from hearfelt.corpora.cremad import CREMAD
from hearfelt.corpora.emodb import EMODB
from hearfelt.corpora.folder import FOLDER, folder_at, has_layout
from hearfelt.corpora.nemo import NEMO
from hearfelt.corpora.ravdess import RAVDESS
from hearfelt.corpora.savee import SAVEE
from hearfelt.corpora.tables import is_table
from hearfelt.corpora.tess import TESS
from hearfelt.corpora.toy import TOY
from hearfelt.errors import AudioError, CorpusError
from hearfelt.runtime.files import path_given

__all__ = ["CORPORA", "FolderReading", "find_format", "identify", "read_corpora", "read_corpus", "read_folder"]

CORPORA: Final[Mapping[str, CorpusFormat]] = MappingProxyType(
    {form.name: form for form in (RAVDESS, CREMAD, TESS, EMODB, NEMO, SAVEE, FOLDER, AUDFORMAT, TOY)}
)


@dataclass(frozen=True)
class FolderReading:
    """A folder, the corpus it holds, and what was read from it.

    Attributes:
        root: the folder that clips' names start at.
        form: the corpus it was read as.
        names: all sound files in it, below ``root``.
        reading: what the form made of them.
    """

    root: Path
    form: CorpusFormat
    names: tuple[str, ...]
    reading: Reading


def find_format(name: str) -> CorpusFormat:
    """Look up a corpus by name; ``folder:2`` is ``folder`` with labels on the second level of folders.

    Raises:
        CorpusError: if there is none of that name; the sentence says which was probably meant.

    Example:
        >>> find_format("emodb").language
        'de'
    """
    if name in CORPORA:
        return CORPORA[name]
    if name.startswith(f"{FOLDER.name}:"):
        level = name.partition(":")[2]
        if not re.fullmatch(r"-?[1-9]\d{0,3}", level):
            raise CorpusError(
                f"{name}: a level of folders is 1 for the topmost, 2 for those in them and so on, or -1 for the folder"
                " that each file lies in"
            )
        return folder_at(int(level))
    close = get_close_matches(name.casefold(), CORPORA, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it is one of {', '.join(CORPORA)}"
    raise CorpusError(f"no corpus is called {name}; {hint}")


def identify(root: Path) -> str:
    """Identify the corpus in a folder by the names of its sound files; the sound is not opened.

    Args:
        root: a folder, or a table that names sound files.

    Returns:
        A name in :data:`CORPORA`.

    Raises:
        CorpusError: if there is no sound, or nothing says what it is.
    """
    root = path_given(root)
    return _form_of(root, _sound_in(root)).name


def read_folder(root: Path, name: str | None = None) -> FolderReading:
    """Read a folder into clips, and list the files that are no clips.

    Args:
        root: the folder, or a table that names sound files.
        name: which corpus it holds; known by the file names if left out.

    Raises:
        CorpusError: if there is nothing, no sound in it, or the name is unknown.
    """
    root = path_given(root)
    named = None if name is None else find_format(name)
    names = _sound_in(root)
    form = named or _form_of(root, names)
    if root.is_file() and form.name != FOLDER.name:
        raise CorpusError(f"{root}: a table is read as folder; give the folder itself to read {form.name}")
    reading = form.parse(root, names)
    if not reading.clips and not reading.missing:
        others = [other for other in _alike(names) if other != form.name]
        hint = f"; they look like {others[0]}" if others else ""
        raise CorpusError(
            f"{root}: none of its {len(names):,} sound files, such as {names[0]}, is a clip of {form.name}, which has"
            f" names like {form.example}{hint}"
        )
    return FolderReading(root.parent if root.is_file() else root, form, names, reading)


def read_corpus(
    root: Path,
    name: str | None = None,
    *,
    with_unfit: bool = False,
    remark: Callable[[str], None] = lambda sentence: None,
) -> Clips:
    """Read a folder into clips, each recording once.

    A second copy of a recording, a file that is no clip of the corpus, and a recording with a doubtful label
    are left out; :func:`hearfelt.corpora.check.check_corpus` names them all.

    Args:
        root: the folder, or a table that names sound files.
        name: which corpus it holds; known by the file names if left out.
        with_unfit: also give the recordings with doubtful labels: in CREMA-D, six that are the same
            sound under two labels, and a silent one.
        remark: gets a sentence about how the folder was read, where that could have been meant in another way.

    Returns:
        Clips in the order of their names.

    Raises:
        CorpusError: if nothing can be read, or a table names a file that is not there.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hearfelt.corpora.toy import write_toy
        >>> with TemporaryDirectory() as folder:
        ...     read_corpus(write_toy(Path(folder), speakers=2))
        <32 clips of 2 speakers, 8 emotions>
    """
    found = read_folder(root, name)
    reading, published = found.reading, found.form.published
    if reading.missing:
        more = f" (and {len(reading.missing) - 1:,} more)" if len(reading.missing) > 1 else ""
        raise CorpusError(f"{found.root}: {reading.missing[0]}{more}; put the file there or take the row out")
    for sentence in reading.remarks:
        remark(sentence)
    unfit = published.unfit if published and not with_unfit else {}
    return Clips(clip for clip in reading.clips if stem_of(clip.name) not in unfit)


def read_corpora(
    folders: Mapping[str, Path], *, with_unfit: bool = False, remark: Callable[[str], None] = lambda sentence: None
) -> Clips:
    """Read several folders into clips, one corpus after another.

    Args:
        folders: folder by name of the corpus.
        with_unfit: as in :func:`read_corpus`.
        remark: as in :func:`read_corpus`.

    Raises:
        CorpusError: as :func:`read_corpus`; the name is checked before any folder is read.
    """
    for name in folders:
        find_format(name)
    read = (read_corpus(root, name, with_unfit=with_unfit, remark=remark) for name, root in folders.items())
    return Clips(clip for clips in read for clip in clips)


def _sound_in(root: Path) -> tuple[str, ...]:
    """List sound files below a folder, or beside and below a table, as names."""
    if not root.exists():
        raise CorpusError(f"{root}: there is nothing here; give the folder of a corpus")
    if root.is_file():
        if not is_table(root.name):
            what = "a zip; unpack it first, and" if root.suffix.casefold() == ".zip" else "one file;"
            raise CorpusError(f"{root}: this is {what} give the folder of a corpus, or a table (.csv, .tsv, .txt)")
        # What the table names may lie elsewhere, so no sound beside it is no fault.
        return tuple(path.relative_to(root.parent).as_posix() for path in audio_files(root.parent))
    try:
        names = tuple(path.relative_to(root).as_posix() for path in audio_files(root))
    except AudioError as error:
        raise CorpusError(str(error)) from None
    if not names:
        endings = " ".join(sorted(AUDIO_SUFFIXES))
        raise CorpusError(f"{root}: no sound file in this folder; files ending in {endings} are looked for")
    return names


def _form_of(root: Path, names: tuple[str, ...]) -> CorpusFormat:
    if root.is_file():
        return FOLDER
    alike = _alike(names)
    for name, number in alike.items():
        if number * 2 > len(names):
            return CORPORA[name]
    if len(alike) > 1 and sum(alike.values()) * 2 > len(names):
        raise CorpusError(f"{root}: several corpora lie in it ({', '.join(alike)}); give the folder of one of them")
    if is_database(root):
        return AUDFORMAT
    if has_layout(root, names):
        return FOLDER
    hint = "".join(f" {number:,} of them look like {name}: --as {name} reads those;" for name, number in alike.items())
    raise CorpusError(
        f"{root}: the names of its {len(names):,} sound files, such as {names[0]}, fit no corpus hearfelt knows;{hint}"
        " put them in a folder for each emotion, or add a CSV or TSV table with the columns path, emotion"
    )


def _alike(names: tuple[str, ...]) -> dict[str, int]:
    """Count the files that are named as in each corpus, most first; corpora without any are left out."""
    paths = [str(PurePosixPath(name).with_suffix("")) for name in names]
    counts = Counter({name: sum(map(bool, map(form.shape.search, paths))) for name, form in CORPORA.items()})
    return {name: number for name, number in counts.most_common() if number}
