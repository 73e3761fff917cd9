from __future__ import annotations

from collections.abc import Iterator

import pytest

from hearfelt.training.loop import one_thread


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """On a busy machine torch's threads wait for each other longer than they compute."""
    with one_thread():
        yield
