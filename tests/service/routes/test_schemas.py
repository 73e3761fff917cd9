"""The service against its own description: whatever is sent, it answers as it says, and with no error of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.service.http_server import Serving, serving

CHECKED = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
CALLS = [
    ("POST", "/v1/recognize"),
    ("POST", "/v1/timeline"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{name}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
]


@pytest.fixture(scope="module")
def service() -> Iterator[Serving]:
    with serving() as one:
        yield one


def test_no_call_is_forgotten_here(service: Serving) -> None:
    described = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
    found = {(one.ok().method.upper(), one.ok().path) for one in described.get_all_operations()}
    assert found == set(CALLS)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_answers_as_it_is_described(service: Serving, method: str, path: str) -> None:
    call = schemathesis.openapi.from_url(f"{service.address}/openapi.json")[path][method]
    answered = []

    @given(case=call.as_strategy())
    @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def answers(case: schemathesis.Case) -> None:
        answered.append(case.call_and_validate(checks=CHECKED))

    answers()
    assert answered
