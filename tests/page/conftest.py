"""What the tests of the page share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _own_main() -> Iterator[None]:
    """Streamlit puts its script in the place of ``__main__``, which every process started later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
