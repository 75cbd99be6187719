"""What the owner of a shop can see of calls: log records, hooks and spans; and that none of it can break one."""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from thirdwatch_api import (
    ApiClient,
    ApiException,
    ApiValueError,
    Attempt,
    BadRequestException,
    ConnectionException,
    OrderStatusApi,
    ServiceException,
)
from thirdwatch_api.sandbox import Sandbox

from .servers import EVENT, KEY, FaultServer, Step, closed_port, cut, delayed, make_client, record_waits, respond

RECORD = re.compile(r"POST /v1/order_status (\d{3}|-) (\d+) ms attempt (\d)")


def test_each_attempt_leaves_one_record_and_it_holds_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="thirdwatch_api")
    with FaultServer(respond(503), cut, delayed(0.05, respond())) as server, make_client(server.url) as client:
        record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
    records = [record for record in caplog.records if record.name.startswith("thirdwatch_api")]
    assert {(record.name, record.levelno, record.exc_info) for record in records} == {
        ("thirdwatch_api", logging.DEBUG, None)
    }
    found = [RECORD.fullmatch(record.getMessage()) for record in records]
    assert [(match[1], match[3]) for match in found if match] == [("503", "1"), ("-", "2"), ("200", "3")]
    assert found[2] is not None
    assert 50 <= int(found[2][2]) < 30_000  # milliseconds


def test_calls_are_silent_unless_they_are_listened_to(capfd: pytest.CaptureFixture[str]) -> None:
    with FaultServer(respond(400)) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException):
            OrderStatusApi(client).order_status(EVENT)
    assert capfd.readouterr() == ("", "")


def test_no_handler_is_installed_so_that_warnings_are_seen_without_any_logging_set_up() -> None:
    logger = logging.getLogger("thirdwatch_api")
    assert logger.handlers == []
    assert (logger.level, logger.propagate) == (logging.NOTSET, True)
    others = [name for name in logging.root.manager.loggerDict if name.startswith("thirdwatch_api.")]
    assert [name for name in others if logging.getLogger(name).handlers] == []


def test_hooks_see_each_attempt_in_turn() -> None:
    seen: list[tuple[str, Attempt]] = []
    hooks: dict[str, Any] = {
        name: lambda attempt, name=name: seen.append((name, attempt))
        for name in ("on_request", "on_response", "on_retry")
    }
    with FaultServer(respond(503), delayed(0.02, respond(201))) as server, make_client(server.url, **hooks) as client:
        waits = record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
    assert [name for name, _ in seen] == ["on_request", "on_response", "on_retry", "on_request", "on_response"]
    assert {(attempt.method, attempt.path) for _, attempt in seen} == {("POST", "/v1/order_status")}
    assert [attempt.number for _, attempt in seen] == [1, 1, 1, 2, 2]
    assert [attempt.status for _, attempt in seen] == [None, 503, 503, None, 201]
    assert [type(attempt.error) for _, attempt in seen] == [type(None), ServiceException, ServiceException] + [
        type(None)
    ] * 2
    assert [attempt.wait for _, attempt in seen] == [None, None, waits[0], None, None]
    assert seen[0][1].seconds == 0.0
    assert 0.02 <= seen[-1][1].seconds < 15


def test_hooks_see_a_failure_to_connect() -> None:
    seen: list[Attempt] = []
    with make_client(f"http://127.0.0.1:{closed_port()}", retries=1, on_response=seen.append) as client:
        record_waits(client)
        with pytest.raises(ConnectionException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert [(attempt.number, attempt.status) for attempt in seen] == [(1, 0), (2, 0)]
    assert seen[-1].error is caught.value


def test_hooks_see_calls_whose_response_is_left_unread() -> None:
    seen: list[Attempt] = []
    with FaultServer() as server, make_client(server.url, on_response=seen.append) as client:
        response: Any = OrderStatusApi(client).order_status(EVENT, _preload_content=False)
        response.read()
    assert [(attempt.number, attempt.status, attempt.error) for attempt in seen] == [(1, 200, None)]


@pytest.mark.parametrize("name", ["on_request", "on_response", "on_retry"])
@pytest.mark.parametrize("error", [ValueError, KeyError, ApiException, AttributeError])
def test_a_hook_that_raises_never_breaks_a_call(
    name: str, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(attempt: Attempt) -> None:
        raise error("broken")

    hooks: dict[str, Any] = {name: broken}
    with FaultServer(respond(503), respond()) as server, make_client(server.url, **hooks) as client:
        record_waits(client)
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert len(server.requests) == 2
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert {record.name for record in logged} == {"thirdwatch_api"}
    assert all("hook" in record.getMessage() for record in logged)
    assert len(logged) == (1 if name == "on_retry" else 2)


@pytest.mark.parametrize("options", [{}, {"_preload_content": False}])
@pytest.mark.parametrize("step", [respond(), respond(400), cut])
def test_a_hook_that_is_interrupted_takes_no_connection_with_it(step: Step, options: dict[str, bool]) -> None:
    def interrupted(attempt: Attempt) -> None:
        client.configuration.on_response = None
        raise KeyboardInterrupt

    settings: dict[str, Any] = {"connection_pool_maxsize": 1, "on_response": interrupted}
    with FaultServer(step, respond()) as server, make_client(server.url, **settings) as client:
        given: Any = options
        with pytest.raises(KeyboardInterrupt):
            OrderStatusApi(client).order_status(EVENT, **given)
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_hooks_are_read_at_each_call() -> None:
    seen: list[Attempt] = []
    with FaultServer() as server, make_client(server.url) as client:
        OrderStatusApi(client).order_status(EVENT)
        client.configuration.on_response = seen.append
        OrderStatusApi(client).order_status(EVENT)
        client.configuration.on_response = None
        OrderStatusApi(client).order_status(EVENT)
    assert len(seen) == 1


ADDED: dict[str, str] = {}
"""Headers that the instrumentation adds."""


@pytest.fixture
def spans() -> Iterator[Any]:
    """Instrument urllib3 as a backend does that knows nothing of us."""
    ADDED.clear()
    instrumentation: Any = pytest.importorskip("opentelemetry.instrumentation.urllib3")
    trace: Any = pytest.importorskip("opentelemetry.sdk.trace")
    export: Any = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory: Any = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    instrumentor = instrumentation.URLLib3Instrumentor()
    instrumentor.instrument(
        tracer_provider=provider, request_hook=lambda span, pool, request: request.headers.update(ADDED)
    )
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_opentelemetry_sees_a_span_for_each_attempt_and_no_key(spans: Any) -> None:
    with FaultServer(respond(503), cut, respond()) as server, make_client(server.url) as client:
        record_waits(client)
        OrderStatusApi(client).order_status(EVENT)
        finished = spans.get_finished_spans()
        assert [span.name for span in finished] == ["POST"] * 3
        assert finished[0].attributes["http.status_code"] == 503
        assert finished[2].attributes["http.url"] == f"{server.url}/v1/order_status"
        assert KEY not in "".join(span.to_json() for span in finished)
        traces = [request.headers["traceparent"].split("-")[1] for request in server.requests]
        assert traces == [f"{span.context.trace_id:032x}" for span in finished]


@pytest.mark.parametrize("value", ["canary\r\nX-Evil: 1", "canary\n", "canary\r", "canary \u0939"])
def test_a_header_that_an_instrument_adds_can_break_out_of_nothing(value: str, spans: Any) -> None:
    ADDED["X-Added"] = "fine"
    with FaultServer() as server, make_client(server.url, connection_pool_maxsize=1) as client:
        OrderStatusApi(client).order_status(EVENT)
        ADDED["X-Added"] = value
        for _ in range(2):
            with pytest.raises(ApiValueError, match="a header that was added") as caught:
                OrderStatusApi(client).order_status(EVENT)
            assert "canary" not in "".join(traceback.format_exception(caught.value))
        ADDED.clear()
        OrderStatusApi(client).order_status(EVENT)
        assert [request.headers.get("x-added") for request in server.requests] == ["fine", None]


def test_opentelemetry_sees_calls_of_threads_apart(spans: Any) -> None:
    with FaultServer() as server, make_client(server.url) as client:
        handles: list[Any] = [OrderStatusApi(client).order_status(EVENT, callback=lambda r: None) for _ in range(8)]
        for handle in handles:
            handle.result(5)
        assert len(spans.get_finished_spans()) == 8
        assert len({request.headers["traceparent"] for request in server.requests}) == 8


def test_an_interrupted_hook_gives_its_connection_back(sandbox: Sandbox) -> None:
    calls: list[Attempt] = []

    def interrupt(attempt: Attempt) -> None:
        calls.append(attempt)
        if len(calls) <= 2:
            raise KeyboardInterrupt

    settings = sandbox.configuration(on_response=interrupt, connection_pool_maxsize=1, deadline=2, retries=0)
    with ApiClient(configuration=settings) as client:
        with pytest.raises(KeyboardInterrupt):
            OrderStatusApi(client).order_status(EVENT, _preload_content=False)
        sandbox.close()
        with pytest.raises(KeyboardInterrupt):
            OrderStatusApi(client).order_status(EVENT)
        sandbox.start()
        assert OrderStatusApi(client).order_status(EVENT).message
    assert threading.active_count() < 50
