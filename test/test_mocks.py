"""vcrpy, mocket and pook see the calls as they see those of urllib3 itself, and leave nothing behind.

Each of them replaces parts of urllib3 or of sockets, so each program has a process of its own.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .programs import run_script
from .servers import KEY, Authority, FaultServer, respond
from .strangers import need

START = """
import contextlib, json, sys
import urllib3

url, key, authority, path = sys.argv[1:]
root = url.removesuffix("/event")

def new_client(**settings):
    from thirdwatch_api import ApiClient, Configuration
    given = {"host": url, "api_key": key, "ssl_ca_cert": authority, "deadline": 10.0, "connection_pool_maxsize": 1}
    return ApiClient(configuration=Configuration(**{**given, **settings}))

def call(client):
    from thirdwatch_api import OrderStatus, OrderStatusApi
    event = OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
    return OrderStatusApi(client).order_status(event).message

def score(client):
    from thirdwatch_api import ScoreApi
    return ScoreApi(client).score("o-1001").score

def bare(method="POST", target="/event/v1/order_status"):
    with urllib3.PoolManager(ca_certs=authority) as manager:
        response = manager.request(method, root + target, body=b"{}" if method == "POST" else None)
        return json.loads(response.data)

def error_of(work, *args):
    try:
        return work(*args)
    except Exception as error:
        return type(error).__name__

def report(**found):
    print(json.dumps(found))
"""
MOCKS = {
    # How a shop mocks the call of `order_status`, and a score call, with each tool.
    "vcr": """
        import vcr

        def mocked():
            with open(path, "w") as file:
                file.write('{"version": 1, "interactions": [%s, %s]}' % tuple(
                    json.dumps({
                        "request": {"method": method, "uri": root + target, "body": "", "headers": {}},
                        "response": {
                            "status": {"code": 200, "message": "OK"},
                            "headers": {"Content-Type": ["application/json"]},
                            "body": {"string": json.dumps({"message": "mocked", "order_id": "o-1001", "score": 1})},
                        },
                    })
                    for method, target in (
                        ("POST", "/event/v1/order_status"), ("GET", f"/neo/v1/score?order_id=o-1001&api_key={key}")
                    )
                ))
            return vcr.use_cassette(path, record_mode="none", serializer="json", allow_playback_repeats=True)
        """,
    "mocket": """
        from mocket import Mocketizer
        from mocket.mocks.mockhttp import Entry

        @contextlib.contextmanager
        def mocked():
            body = json.dumps({"message": "mocked", "order_id": "o-1001", "score": 1})
            with Mocketizer(strict_mode=True):
                Entry.single_register(Entry.POST, root + "/event/v1/order_status", body=body)
                Entry.single_register(Entry.GET, f"{root}/neo/v1/score?order_id=o-1001&api_key={key}", body=body)
                yield
        """,
    "pook": """
        import pook

        @contextlib.contextmanager
        def mocked():
            body = {"message": "mocked", "order_id": "o-1001", "score": 1}
            with pook.use():
                pook.post(root + "/event/v1/order_status").persist().reply(200).json(body)
                pook.get(root + "/neo/v1/score").persist().reply(200).json(body)
                yield
        """,
}
Run = Callable[..., Any]


@pytest.fixture(params=["http", "https"])
def mocked_service(request: pytest.FixtureRequest, authority: Authority) -> Iterator[FaultServer]:
    body = b'{"message": "real", "order_id": "o-1001", "score": 2}'
    with FaultServer(
        respond(200, body), tls=authority.server() if request.param == "https" else None
    ) as mocked_service:
        yield mocked_service


@pytest.fixture
def run_mocked(mocked_service: FaultServer, ca_file: str, tmp_path: Path) -> Run:
    """Run a program that prints a report."""

    def run_program(program: str, tool: str) -> Any:
        need(tool)
        script = START + textwrap.dedent(MOCKS.get(tool, "")) + textwrap.dedent(program)
        done = run_script(script, mocked_service.url, KEY, ca_file, str(tmp_path / "cassette"), warnings=False)
        assert (done.stderr, done.returncode) == ("", 0)
        return json.loads(done.stdout)

    return run_program


TOOLS = pytest.mark.parametrize("tool", MOCKS)


@TOOLS
def test_a_mock_plays_for_the_client_as_for_urllib3(tool: str, run_mocked: Run, mocked_service: FaultServer) -> None:
    program = """
        with mocked():
            with new_client() as client:
                report(bare=bare()["message"], ours=[call(client), call(client), score(client)])
        """
    assert run_mocked(program, tool) == {"bare": "mocked", "ours": ["mocked", "mocked", 1]}
    assert mocked_service.requests == []


@TOOLS
def test_a_response_of_a_mock_may_be_left_unread(tool: str, run_mocked: Run, mocked_service: FaultServer) -> None:
    program = """
        from thirdwatch_api import OrderStatus, OrderStatusApi

        with new_client() as client:
            with mocked():
                raw = OrderStatusApi(client).order_status(OrderStatus(user_id="u-42"), _preload_content=False)
                status = raw.status
                del raw
            report(status=status, after=[call(client), call(client)])
        """
    assert run_mocked(program, tool) == {"status": 200, "after": ["real", "real"]}


@TOOLS
def test_a_mock_plays_for_a_client_that_was_used_before_and_leaves_it_as_it_was(
    tool: str, run_mocked: Run, mocked_service: FaultServer
) -> None:
    program = """
        with new_client() as client:
            before = [score(client), call(client)]
            with mocked():
                inside = [score(client), call(client), call(client)]
            report(before=before, inside=inside, after=[call(client), call(client), score(client)])
        """
    found = run_mocked(program, tool)
    assert found == {"before": [2, "real"], "inside": [1, "mocked", "mocked"], "after": ["real", "real", 2]}
    first_score, before, after, again, last_score = mocked_service.requests
    assert before.headers == after.headers == again.headers
    assert first_score.headers == last_score.headers
    assert f"api_key={KEY}" in last_score.line


@TOOLS
def test_the_first_client_of_a_process_may_be_made_while_a_mock_is_there(
    tool: str, run_mocked: Run, mocked_service: FaultServer
) -> None:
    program = """
        with mocked():
            client = new_client()
            inside = [call(client), score(client)]
        other = new_client()
        report(inside=inside, after=[call(client), score(client), call(other), score(other)])
        client.close()
        other.close()
        """
    assert run_mocked(program, tool) == {"inside": ["mocked", 1], "after": ["real", 2, "real", 2]}
    assert len(mocked_service.requests) == 4


@TOOLS
def test_the_package_may_be_imported_and_used_for_others_while_a_mock_is_there(
    tool: str, run_mocked: Run, mocked_service: FaultServer
) -> None:
    program = """
        with mocked():
            elsewhere = new_client(host="http://127.0.0.1:1", retries=0)
            refused = error_of(call, elsewhere)
        with new_client() as client:
            report(refused=refused != "mocked", after=[call(client), score(client)])
        """
    assert run_mocked(program, tool) == {"refused": True, "after": ["real", 2]}
    assert len(mocked_service.requests) == 2


@TOOLS
def test_what_no_mock_knows_fails_as_it_does_for_urllib3_and_costs_no_connection(
    tool: str, run_mocked: Run, mocked_service: FaultServer
) -> None:
    program = """
        def unknown(client):
            from thirdwatch_api import Login, LoginApi
            return LoginApi(client).login(Login(user_id="u-42", login_status="_success")).message

        with new_client(retries=0) as client:
            unknown(client)
            client.close()
            with mocked():
                bare_error = error_of(bare, "POST", "/event/v1/login")
                ours = [error_of(unknown, client) for _ in range(3)]
                known = call(client)
            report(bare=bare_error, ours=ours, known=known, after=[call(client), unknown(client)])
        """
    found = run_mocked(program, tool)
    assert found["ours"] == [found["bare"]] * 3
    assert (found["known"], found["after"]) == ("mocked", ["real", "real"])
    assert len(mocked_service.requests) == 3


def test_vcr_records_what_is_sent_and_plays_it_back(
    run_mocked: Run, mocked_service: FaultServer, tmp_path: Path
) -> None:
    program = """
        with new_client() as client:
            with vcr.use_cassette(path, record_mode="once") as cassette:
                recorded = [call(client), score(client)]
            with vcr.use_cassette(path, record_mode="none") as cassette:
                played = [call(client), score(client)]
                count = cassette.play_count
            report(recorded=recorded, played=played, count=count, after=call(client))
        """
    assert run_mocked(program, "vcr") == {"recorded": ["real", 2], "played": ["real", 2], "count": 2, "after": "real"}
    event, score, after = mocked_service.requests
    assert f"order_id=o-1001&api_key={KEY}" in score.line
    assert {"x-thirdwatch-api-key", "content-type", "user-agent"} <= set(event.headers)
    assert event.json == after.json


def test_vcr_plays_what_was_recorded_of_another_client(run_mocked: Run, mocked_service: FaultServer) -> None:
    program = """
        with vcr.use_cassette(path, record_mode="once"):
            bare(), bare("GET", f"/neo/v1/score?order_id=o-1001&api_key={key}")
        with vcr.use_cassette(path, record_mode="none"), new_client() as client:
            report(played=[call(client), score(client)])
        """
    assert run_mocked(program, "vcr") == {"played": ["real", 2]}
    assert len(mocked_service.requests) == 2


def test_vcr_can_filter_the_key_of_score_calls(run_mocked: Run, mocked_service: FaultServer, tmp_path: Path) -> None:
    program = """
        with new_client() as client, vcr.use_cassette(
            path, filter_query_parameters=["api_key"], filter_headers=["X-THIRDWATCH-API-KEY"]
        ):
            report(recorded=[call(client), score(client)])
        """
    assert run_mocked(program, "vcr") == {"recorded": ["real", 2]}
    assert f"api_key={KEY}" in mocked_service.requests[1].line
    cassette = (tmp_path / "cassette").read_text()
    assert "order_id=o-1001" in cassette
    assert KEY not in cassette


def test_pook_sees_the_headers_and_the_body_of_a_call(run_mocked: Run, mocked_service: FaultServer) -> None:
    program = """
        with pook.use(), new_client() as client:
            mock = pook.post(root + "/event/v1/order_status").header("X-THIRDWATCH-API-KEY", key)
            mock.json({"_userId": "u-42", "_orderId": "o-1001", "_orderStatus": "_fulfilled"}).reply(200).json({})
            result = error_of(call, client)
            report(result=result, calls=mock.calls)
        """
    assert run_mocked(program, "pook") == {"result": None, "calls": 1}
    assert mocked_service.requests == []


def test_responses_which_replaces_requests_alone_leaves_the_client_as_it_is(
    run_mocked: Run, mocked_service: FaultServer
) -> None:
    program = """
        import responses

        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock, new_client() as client:
            mock.add(responses.POST, root + "/event/v1/order_status", json={"message": "mocked"})
            report(bare=bare()["message"], ours=[call(client), score(client)])
        """
    assert run_mocked(program, "responses") == {"bare": "real", "ours": ["real", 2]}
    assert len(mocked_service.requests) == 3
