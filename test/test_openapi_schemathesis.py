"""The sandbox, held to the OpenAPI document by schemathesis, which makes up requests from the document."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from thirdwatch_api.sandbox import Sandbox
from thirdwatch_api.sandbox._openapi import openapi

from .facts import API_KEY_HEADER
from .strangers import need

NAMES = sorted(operation["operationId"] for item in openapi()["paths"].values() for operation in item.values())
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""What is checked of each response. The status of a valid request is compared by the test itself."""

EXAMPLES = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def find(name: str) -> Any:
    """The operation, as schemathesis sees it."""
    need("schemathesis", "openapi")
    import schemathesis

    return schemathesis.openapi.from_dict(openapi()).find_operation_by_id(name)


def check(case: Any, response: Any) -> None:
    from schemathesis.checks import CHECKS as KNOWN

    case.validate_response(response, checks=KNOWN.get_by_names(CHECKS))


def send(case: Any, sandbox: Sandbox) -> Any:
    """Send a request with the right key, wherever its operation has it."""
    if isinstance(case.body, dict) and "secret" in case.body:
        case.body = {**case.body, "secret": sandbox.api_key}
    if "api_key" in case.query:
        case.query["api_key"] = sandbox.api_key
    return case.call(base_url=sandbox.host.removesuffix("/event"), headers={API_KEY_HEADER: sandbox.api_key})


@pytest.mark.parametrize("name", NAMES)
def test_a_valid_request_is_accepted(name: str, sandbox: Sandbox) -> None:
    operation = find(name)
    seen = 0

    @given(case=operation.as_strategy())
    @EXAMPLES
    def each(case: Any) -> None:
        nonlocal seen
        response = send(case, sandbox)
        assert response.status_code == 200, response.text
        check(case, response)
        seen += 1

    each()
    assert seen > 1


@pytest.mark.parametrize("name", NAMES)
def test_an_invalid_request_gets_a_response_of_the_document(name: str, sandbox: Sandbox) -> None:
    operation = find(name)
    from schemathesis import GenerationMode

    refused = 0

    @given(case=operation.as_strategy(GenerationMode.NEGATIVE))
    @EXAMPLES
    def each(case: Any) -> None:
        nonlocal refused
        response = send(case, sandbox)
        check(case, response)
        refused += response.status_code >= 400

    each()
    assert refused > 1
