"""Tools from npm on the OpenAPI document: a mock and a proxy that validate, linters, and a client that is generated.

They take half a minute to install, and a network. So they run in `tox -e openapi` alone, and only where Node is.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection, socket
from typing import Any

import pytest

from thirdwatch_api import (
    ApiClient,
    ApiException,
    Configuration,
    CreateOrder,
    CreateOrderApi,
    Login,
    LoginApi,
    ScoreApi,
    Transaction,
    TransactionApi,
    apis,
)
from thirdwatch_api.apis._api import Api
from thirdwatch_api.sandbox import Sandbox
from thirdwatch_api.sandbox._openapi import openapi
from thirdwatch_api.sandbox._samples import sample

from .servers import eventually

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "openapi.json"
PAGE = ROOT / "docs" / "other-languages.md"
PACKAGES = (
    "@redocly/cli@2.77.0",
    "@stoplight/prism-cli@5.16.0",
    "@stoplight/spectral-cli@6.16.3",
    "@types/node@20.19.43",
    "openapi-fetch@0.17.0",
    "openapi-typescript@7.13.0",
    "typescript@5.9.3",
)
OPERATIONS = {operation["operationId"] for item in openapi()["paths"].values() for operation in item.values()}
SPECTRAL_RULES = '{"extends": ["spectral:oas"], "rules": {"path-keys-no-trailing-slash": "off"}}'
"""The one path that ends with a slash does so at the service."""

pytestmark = [
    pytest.mark.skipif(not os.environ.get("OPENAPI"), reason="installs 500 packages of npm: `tox -e openapi`"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm"),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tools."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *PACKAGES, cwd=folder)
    return folder


def run(*command: object, cwd: Path, **variables: str) -> str:
    """Run a program to its end, and return what it printed."""
    environment = os.environ | variables
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(node: Path, name: str) -> Path:
    return node / "node_modules" / ".bin" / name


def free_port() -> int:
    with socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def prism(node: Path, *arguments: str) -> Generator[ApiClient]:
    """Run Prism on the document, and yield a client that sends to it."""
    port = free_port()
    mode, *rest = arguments
    command = [str(tool(node, "prism")), mode, "--errors", "--port", str(port), str(DOCUMENT), *rest]
    with (node / f"{mode}.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            eventually(lambda: process.poll() is not None or listens(port))
            configuration = Configuration(host=f"http://127.0.0.1:{port}/event", api_key="sandbox-key", retries=0)
            with ApiClient(configuration=configuration) as client:
                yield client
        finally:
            process.terminate()


def listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def call_each(client: ApiClient) -> dict[str, Any]:
    """Make a call of each operation, with what its page shows, and return the responses."""
    results: dict[str, Any] = {}
    for class_name in apis.__all__:
        api: type[Api] = getattr(apis, class_name)
        name = next(name for name in vars(api) if name in OPERATIONS)
        argument = "o-1001" if api is ScoreApi else sample(api.model)
        results[name] = getattr(api(client), f"{name}_with_http_info")(argument)
    return results


def test_prism_as_a_mock_takes_each_call_of_our_client(node: Path) -> None:
    with prism(node, "mock") as client:
        results = call_each(client)
        assert len(results) == 23
        assert {response.status for response in results.values()} == {200}
        assert results["score"].data.score == 82
        assert results["order_status"].data.message == "OrderStatus received"


def test_prism_as_a_mock_refuses_what_the_document_does_not_allow(node: Path) -> None:
    with prism(node, "mock") as client:
        client.configuration.client_side_validation = False
        for event in ({}, {"_userId": ""}, {"_userId": "u", "_sesionId": "s"}, {"_userId": "u", "_loginStatus": True}):
            with pytest.raises(ApiException) as caught:
                LoginApi(client).login(event)
            assert caught.value.status == 400, event


def test_prism_as_a_proxy_finds_no_violation_in_our_client_and_the_sandbox(node: Path, sandbox: Sandbox) -> None:
    with prism(node, "proxy", sandbox.host.removesuffix("/event")) as client:
        CreateOrderApi(client).create_order(CreateOrder(session_id="s", order_id="o-1001", amount=8200))
        paid = Transaction(session_id="s", order_id="o-1001", transaction_status="_success")
        TransactionApi(client).transaction(paid)
        results = call_each(client)
        assert len(results) == 23
        assert {response.status for response in results.values()} == {200}
        violations = [name for name, response in results.items() if "sl-violations" in map(str.lower, response.headers)]
        assert violations == []
        assert results["score"].data.score == 25, "the order is the one that the page shows"
    assert len(sandbox.requests) == 25


def test_prism_as_a_proxy_lets_the_errors_of_the_sandbox_through(node: Path, sandbox: Sandbox) -> None:
    with prism(node, "proxy", sandbox.host.removesuffix("/event")) as client:
        for status in (400, 401, 403, 404, 429, 500, 503):
            sandbox.fail(status)
            with pytest.raises(ApiException) as caught:
                LoginApi(client).login(Login(user_id="u"))
            assert (caught.value.status, caught.value.error_response and caught.value.error_response.message) == (
                status,
                "scripted",
            )
        sandbox.fail(200, body={"message": 5})
        with pytest.raises(ApiException) as caught:
            LoginApi(client).login(Login(user_id="u"))
        assert caught.value.status == 500, "the proxy does look at responses"


def test_the_linters_find_no_error(node: Path) -> None:
    rules = node / "spectral.json"
    rules.write_text(SPECTRAL_RULES)
    run(tool(node, "spectral"), "lint", "--fail-severity", "hint", "--ruleset", rules, DOCUMENT, cwd=node)
    run(tool(node, "redocly"), "lint", "--skip-rule", "no-path-trailing-slash", DOCUMENT, cwd=node)


def test_the_typescript_of_the_page_is_compiled_and_run(node: Path, sandbox: Sandbox) -> None:
    (block,) = re.findall(r"^```typescript\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    run(tool(node, "openapi-typescript"), DOCUMENT, "-o", "thirdwatch.d.ts", cwd=node)
    (node / "report.ts").write_text(block, encoding="utf-8")
    options = {
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "types": ["node"],
        "exactOptionalPropertyTypes": True,
    }
    (node / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "include": ["report.ts", "thirdwatch.d.ts"]})
    )
    run(tool(node, "tsc"), "-p", ".", cwd=node)
    variables = {"THIRDWATCH_URL": sandbox.host.removesuffix("/event"), "THIRDWATCH_API_KEY": sandbox.api_key}
    assert run("node", "report.js", cwd=node, **variables) == "200 OrderStatus received\n"
    assert [request.error for request in sandbox.requests] == [None]
