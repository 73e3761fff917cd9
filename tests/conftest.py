"""What many tests share: the corpora at hand, a corpus made by code, and a cache of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearfelt.corpora.toy import write_toy

CORPORA = Path(os.environ.get("HEARFELT_CORPORA", Path(__file__).parents[2] / "shared" / "corpora"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests' cache out of the user's."""
    before = os.environ.get("HEARFELT_CACHE")
    os.environ["HEARFELT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["HEARFELT_CACHE"]
    else:
        os.environ["HEARFELT_CACHE"] = before


@pytest.fixture(scope="session")
def corpora_home() -> Path:
    """The folder that holds the real corpora."""
    if not CORPORA.is_dir():
        pytest.skip("the real corpora are not here; set HEARFELT_CORPORA to the folder that holds them")
    return CORPORA


@pytest.fixture(scope="session")
def ravdess(corpora_home: Path) -> Path:
    """The real RAVDESS, speech and song."""
    return corpora_home / "ravdess"


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus made by code; tests must not change it."""
    return write_toy(tmp_path_factory.mktemp("toy") / "toy")
