"""gevent and eventlet, which replace what the client is built on, behave as threads do.

Each program runs in a process of its own with threads, gevent and eventlet in turn; the server is in this one.
"""

from __future__ import annotations

import json
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest

from .programs import run_script
from .servers import (
    KEY,
    OK,
    PATIENCE,
    Authority,
    FaultServer,
    Peer,
    Step,
    TooSlowError,
    delayed,
    drip,
    head,
    in_time,
    latest,
    message,
    respond,
    stall,
)
from .strangers import need

TOOLS = {
    "threads": """
        from concurrent.futures import ThreadPoolExecutor

        def all_of(work, count):
            with ThreadPoolExecutor(count) as pool:
                return list(pool.map(work, range(count)))
        """,
    "gevent": """
        from gevent import monkey
        monkey.patch_all()
        from gevent.pool import Pool

        def all_of(work, count):
            return Pool(count).map(work, range(count))
        """,
    "eventlet": """
        import warnings
        warnings.simplefilter("ignore")  # eventlet says that it is deprecated
        import eventlet
        eventlet.monkey_patch()

        def all_of(work, count):
            return list(eventlet.GreenPool(count).imap(work, range(count)))
        """,
}
START = """
import json, sys, time
from thirdwatch_api import ApiClient, ApiException, Configuration, OrderStatus, OrderStatusApi

url, key, authority = sys.argv[1:]

def new_client(**settings):
    given = {"host": url, "api_key": key, "ssl_ca_cert": authority, "deadline": 15.0, **settings}
    return ApiClient(configuration=Configuration(**given))

def call(client, user="u-42", **options):
    event = OrderStatus(user_id=user, order_id="o-1001", order_status="_fulfilled")
    try:
        return OrderStatusApi(client).order_status(event, **options).message
    except ApiException as error:
        return f"{type(error).__name__}: {error.reason}"

def report(**found):
    print(json.dumps(found))
"""
Run = Callable[..., Any]


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name != "threads":
        need(name)
    return name


@pytest.fixture
def scheme() -> str:
    """Speak TLS, unless a test says otherwise."""
    return "https"


@pytest.fixture
def serve(scheme: str, authority: Authority) -> Callable[..., FaultServer]:
    """Start a server that speaks TLS, or does not."""
    return lambda *steps, **options: FaultServer(
        *steps, tls=authority.server() if scheme == "https" else None, **options
    )


@pytest.fixture
def run_with_tool(tool: str, ca_file: str) -> Run:
    """Run a program that prints a report and nothing else, also not at its exit."""

    def run_program(program: str, url: str) -> Any:
        done = run_script(
            textwrap.dedent(TOOLS[tool]) + START + textwrap.dedent(program), url, KEY, ca_file, warnings=False
        )
        assert (done.stderr, done.returncode) == ("", 0)
        return json.loads(done.stdout)

    return run_program


def after(event: threading.Event) -> Step:
    """Respond a moment after an event, so that whoever sets it comes first."""

    def step(peer: Peer) -> None:
        event.wait(PATIENCE)
        delayed(0.1, respond())(peer)

    return step


def setting(event: threading.Event) -> Step:
    """Respond, and set an event."""

    def step(peer: Peer) -> None:
        respond()(peer)
        event.set()

    return step


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_100_calls_at_once_share_8_connections(serve: Callable[..., FaultServer], run_with_tool: Run) -> None:
    program = """
        with new_client(connection_pool_maxsize=8) as client:
            results = all_of(lambda i: call(client, f"u-{i}"), 100)
        report(results=results)
        """
    with serve(delayed(0.01, respond())) as server:
        assert run_with_tool(program, server.url)["results"] == ["taken"] * 100
        assert {request.json["_userId"] for request in server.requests} == {f"u-{i}" for i in range(100)}
        assert len(server.requests) == 100
        assert (server.connections, server.most_open) == (8, 8)


def test_calls_that_wait_for_the_one_connection_are_served(
    serve: Callable[..., FaultServer], run_with_tool: Run
) -> None:
    program = """
        client = new_client(connection_pool_maxsize=1)
        results = all_of(lambda i: [call(client) for _ in range(3)], 10)
        client.close()
        report(results=sum(results, []))
        """
    with serve(delayed(0.005, respond())) as server:
        assert run_with_tool(program, server.url)["results"] == ["taken"] * 30
        assert server.connections == 1


@in_time
def test_a_call_that_waits_for_a_connection_ends_by_its_deadline(
    serve: Callable[..., FaultServer], run_with_tool: Run
) -> None:
    program = """
        client = new_client(connection_pool_maxsize=1, retries=0)

        def work(i):
            time.sleep(0.2 * i)
            started = time.monotonic()
            result = call(client, _deadline=10.0 if i == 0 else 0.2), time.monotonic() - started
            if i:
                call(new_client())
            return result

        report(results=all_of(work, 2))
        """
    waited = threading.Event()
    with serve(after(waited), setting(waited)) as server:
        (first, _), (second, seconds) = run_with_tool(program, server.url)["results"]
    assert first == "taken"
    assert second.startswith("TimeoutException: all connections to")
    if seconds >= latest(0.2):
        raise TooSlowError(f"{seconds:.2f} s")


def test_close_lets_go_who_waits_for_a_connection(serve: Callable[..., FaultServer], run_with_tool: Run) -> None:
    program = """
        client = new_client(connection_pool_maxsize=1, retries=0)
        ended = []

        def work(i):
            time.sleep(0.2 * i)
            result = client.close() if i == 2 else call(client)
            ended.append(i)
            return result

        report(results=all_of(work, 3), again=call(client), ended=ended)
        """
    closed = threading.Event()
    with serve(after(closed), setting(closed)) as server:
        found = run_with_tool(program, server.url)
    assert found == {"results": ["taken", "taken", None], "again": "taken", "ended": [2, 1, 0]}


SLOW = {
    "no response": stall,
    "a dripped head": drip(message(), 0.1),
    "a dripped body": drip(OK, 0.1, head(200, {"Content-Length": str(len(OK))})),
}


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("no response", "http"), ("no response", "https"), ("a dripped head", "https"), ("a dripped body", "http")],
)
@in_time
def test_a_slow_server_holds_no_call_past_its_deadline_and_no_other_call(
    name: str, serve: Callable[..., FaultServer], run_with_tool: Run
) -> None:
    program = """
        client = new_client(retries=0, timeout=10.0)
        ended = []

        def work(i):
            time.sleep(0.1 if i else 0)
            started = time.monotonic()
            result = call(client) if i else call(client, "slow", _deadline=0.8)
            ended.append(i)
            return result, time.monotonic() - started

        report(results=all_of(work, 5), ended=ended)
        """

    def by_user(peer: Peer) -> None:
        step = SLOW[name] if peer.last.json["_userId"] == "slow" else respond()
        step(peer)

    with serve(by_user) as server:
        found = run_with_tool(program, server.url)
    (slow, seconds), *others = found["results"]
    assert slow.startswith("TimeoutException: no response from")
    assert slow.endswith("before the deadline")
    assert [result for result, _ in others] == ["taken"] * 4
    if found["ended"][-1] != 0 or seconds >= latest(0.8):
        raise TooSlowError(f"{found['ended']}, {seconds:.2f} s")


@in_time
def test_a_handshake_that_never_ends_holds_no_call_past_its_deadline(run_with_tool: Run) -> None:
    program = """
        client = new_client(retries=0, timeout=10.0)
        ended = []

        def work(i):
            started = time.monotonic()
            result = [time.sleep(0.02) for _ in range(5)] if i else call(client, _deadline=0.8)
            ended.append(i)
            return result, time.monotonic() - started

        report(results=all_of(work, 2), ended=ended)
        """
    with FaultServer(at_accept=[stall] * 4) as server:
        found = run_with_tool(program, server.url.replace("http:", "https:"))
    (result, seconds), _ = found["results"]
    assert result.startswith("TimeoutException: no response from")
    if found["ended"] != [1, 0] or seconds >= latest(0.8):
        raise TooSlowError(f"{found['ended']}, {seconds:.2f} s")


def test_background_calls_are_made_and_called_back(serve: Callable[..., FaultServer], run_with_tool: Run) -> None:
    program = """
        seen = []
        with new_client() as client:
            event = OrderStatus(user_id="u-42", order_status="_fulfilled")
            handles = [OrderStatusApi(client).order_status(event, callback=seen.append) for _ in range(20)]
            results = [handle.result(10).message for handle in handles]
        report(results=results, seen=[response.message for response in seen])
        """
    with serve(delayed(0.01, respond())) as server:
        assert run_with_tool(program, server.url) == {"results": ["taken"] * 20, "seen": ["taken"] * 20}


def test_background_calls_arrive_when_the_program_ends_without_waiting(
    serve: Callable[..., FaultServer], run_with_tool: Run
) -> None:
    program = """
        client = new_client()
        event = OrderStatus(user_id="u-42", order_status="_fulfilled")
        for _ in range(5):
            OrderStatusApi(client).order_status(event, callback=lambda response: None)
        report()
        """
    with serve(delayed(0.05, respond())) as server:
        run_with_tool(program, server.url)
        assert len(server.requests) == 5


def test_the_program_ends_quietly_with_a_client_that_nobody_closed(
    serve: Callable[..., FaultServer], run_with_tool: Run
) -> None:
    with serve() as server:
        assert run_with_tool("client = new_client()\nreport(result=call(client))", server.url) == {"result": "taken"}


def test_a_certificate_of_nobody_we_trust_is_refused(run_with_tool: Run) -> None:
    with FaultServer(tls=Authority().server()) as server:
        result = run_with_tool("report(result=call(new_client()))", server.url)["result"]
        assert result.startswith("TLSException: the certificate of")
        assert server.requests == []
