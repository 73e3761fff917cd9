from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.service.http_server import Serving, serving


@pytest.fixture(scope="module")
def service() -> Iterator[Serving]:
    with serving() as one:
        yield one


@pytest.fixture
def client(service: Serving) -> Iterator[httpx.Client]:
    with service.client() as one:
        yield one
