"""What the tests of corpora share: stand-ins, which have a corpus's names and noise instead of voices."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearfelt.corpora.catalog import CORPORA

StandIns = Callable[..., Path]
SHORT_S = 0.12


def write_noise(path: Path, *, rate_hz: int = 48_000, channels: int = 1, like: str | None = None) -> Path:
    """Write a moment of noise that depends on the file's name and its folder's, or on ``like``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(zlib.crc32((like or f"{path.parent.name}/{path.stem}").encode()))
    samples = generator.integers(-8_000, 8_000, (round(SHORT_S * rate_hz), 1), dtype=np.int16)
    held = io.BytesIO()  # soundfile flushes files to the disk, which takes seconds for thousands
    soundfile.write(held, np.repeat(samples, channels, axis=1), rate_hz, format=path.suffix[1:])
    path.write_bytes(held.getvalue())
    return path


@pytest.fixture
def standins(tmp_path: Path) -> StandIns:
    """Write stand-ins with the given names (``.wav`` where no ending is given) below a folder, and return it."""

    def write(*names: str, below: str = "copy") -> Path:
        root = tmp_path / below
        for name in names:
            write_noise(root / (name if Path(name).suffix else f"{name}.wav"))
        return root

    return write


def stems_of(corpus: str, root: Path = Path()) -> Iterable[str]:
    published = CORPORA[corpus].published
    assert published is not None
    assert published.stems is not None
    return published.stems(root)


@pytest.fixture(scope="session")
def every_stem() -> Callable[..., Iterable[str]]:
    """Name every published clip of a corpus, as far as a rule or a table in its folder says them."""
    return stems_of


@pytest.fixture(scope="session")
def whole_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for all 1,440 clips of RAVDESS speech, the published twins among them; not to be changed."""
    root = tmp_path_factory.mktemp("speech") / "Audio_Speech_Actors_01-24"
    for stem in stems_of("ravdess"):
        if stem[3:5] == "01":
            like = "03-01-03-01-02-01-07" if stem == "03-01-03-01-02-02-07" else stem
            write_noise(root / f"Actor_{stem[-2:]}" / f"{stem}.wav", rate_hz=16_000, like=like)
    return root
