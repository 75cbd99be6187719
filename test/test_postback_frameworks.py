"""The recipes of docs/postbacks.md, each run with its framework."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import thirdwatch_api
from thirdwatch_api import postback

PAGE = Path(__file__).parent.parent / "docs" / "postbacks.md"
KEY = "frameworks-key"
HEADERS = {"X-Thirdwatch-Api-Key": KEY, "Content-Type": "application/json"}
SCORE = {"order_id": "o-1001", "flag": "green", "score": 47}

Post = Callable[[bytes, Mapping[str, str]], tuple[int, Any]]


def recipe_module(framework: str) -> ModuleType:
    """Run the block below the framework's heading as a module of its own."""
    found = re.search(
        rf"^### {framework}\n+```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found
    module = ModuleType(f"recipe_for_{framework.lower()}")
    sys.modules[module.__name__] = module
    exec(compile(found[1], f"{PAGE.name}, {framework}", "exec", dont_inherit=True), module.__dict__)  # our own page
    return module


def flask() -> tuple[ModuleType, Post]:
    pytest.importorskip("flask")
    module = recipe_module("Flask")
    client = module.app.test_client()

    def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        response = client.post("/thirdwatch", data=body, headers=dict(headers))
        return response.status_code, response.get_json()

    return module, post


def django() -> tuple[ModuleType, Post]:
    pytest.importorskip("django")
    from django.conf import settings
    from django.test import Client
    from django.urls import clear_url_caches

    from .django_project import set_up

    set_up()
    module = recipe_module("Django")
    settings.ROOT_URLCONF = module.__name__
    clear_url_caches()  # else postbacks reach the module of the test before
    client = Client(enforce_csrf_checks=True)

    def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        response: Any = client.post("/thirdwatch", data=body, content_type="application/json", headers=dict(headers))
        return response.status_code, json.loads(response.content)

    return module, post


def fastapi() -> tuple[ModuleType, Post]:
    testclient = pytest.importorskip("fastapi.testclient")
    module = recipe_module("FastAPI")
    client = testclient.TestClient(module.app)

    def post(body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        response = client.post("/thirdwatch", content=body, headers=dict(headers))
        return response.status_code, response.json()

    return module, post


@pytest.fixture(params=[flask, django, fastapi], ids=lambda make: make.__name__)
def recipe(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], Post]]:
    thirdwatch_api.configuration.api_key = KEY
    module, post = request.param()
    yield module.orders, post
    # That nothing happened to the orders proves something only where postbacks reach them.
    module.orders.clear()
    assert post(body(SCORE), HEADERS) == (200, {})
    assert module.orders == {"o-1001": "approved"}
    del sys.modules[module.__name__]


def body(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields).encode()


def test_the_docs_recipe_takes_postbacks(recipe: tuple[dict[str, str], Post]) -> None:
    orders, post = recipe
    assert post(body(SCORE), HEADERS) == (200, {})
    assert orders == {"o-1001": "approved"}
    assert post(body({**SCORE, "flag": "red"}), {k.lower(): v for k, v in HEADERS.items()}) == (200, {})
    assert orders == {"o-1001": "on hold"}
    assert post(body({"order_id": "o-1001", "action_type": "approved"}), HEADERS) == (200, {})
    assert orders == {"o-1001": "approved"}
    assert post(body({"order_id": "o-1001", "action_type": "declined"}), HEADERS) == (200, {})
    assert orders == {"o-1001": "declined"}


def test_the_docs_recipe_accepts_a_trial_call_and_does_nothing(recipe: tuple[dict[str, str], Post]) -> None:
    orders, post = recipe
    assert post(b'{"test": true}', {"Content-Type": "application/json"}) == (200, {})
    assert orders == {}


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Thirdwatch-Api-Key": "forged"}, {"X-Thirdwatch-Api-Key": KEY.upper()}, {"X-Thirdwatch-Api-Key": ""}],
    ids=str,
)
def test_the_docs_recipe_refuses_a_forged_postback(
    recipe: tuple[dict[str, str], Post], headers: dict[str, str]
) -> None:
    orders, post = recipe
    status, response = post(body(SCORE), {"Content-Type": "application/json", **headers})
    assert (status, response.keys(), orders) == (401, {"error"}, {})
    assert KEY not in str(response)


@pytest.mark.parametrize(
    "content", [b"{", b'{"order_id": "o-1001"}', b" " * (postback.MAX_BODY + 1), b" " * 10_000_000], ids=len
)
def test_the_docs_recipe_refuses_what_is_no_postback(recipe: tuple[dict[str, str], Post], content: bytes) -> None:
    orders, post = recipe
    status, response = post(content, HEADERS)
    assert (status, response.keys(), orders) == (400, {"error"}, {})
