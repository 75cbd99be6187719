"""``callback=``: calls in the background, and the handle of each."""

import json
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

import pytest
import urllib3

import thirdwatch_api
from thirdwatch_api import ApiClient, ApiResponse, EventResponse, OrderStatus, OrderStatusApi, PendingCall
from thirdwatch_api.callbacks import CallbackPool
from thirdwatch_api.exceptions import ApiValueError, ConnectionException, ServiceException
from thirdwatch_api.sandbox import Sandbox

EVENT = OrderStatus(user_id="u-42")
PATIENCE = 5  # seconds; no test waits that long unless it fails


def ignore(_: object) -> None:
    """Do nothing with a result."""


def send(client: ApiClient, callback: Callable[[Any], object] = ignore, **options: Any) -> PendingCall:
    handle: Any = OrderStatusApi(client).order_status(EVENT, callback=callback, **options)
    assert isinstance(handle, PendingCall)
    return handle


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that callbacks may wait for; it is set at the end, so that no thread hangs."""
    event = threading.Event()
    yield event
    event.set()


def test_a_callback_gets_the_answer_in_another_thread(client: ApiClient) -> None:
    seen: list[tuple[object, str]] = []
    handle = send(client, lambda answer: seen.append((answer, threading.current_thread().name)))
    handle.join(PATIENCE)
    assert seen == [(EventResponse("OrderStatus received"), "thirdwatch-callback")]
    assert handle.result() == EventResponse("OrderStatus received")
    assert handle.exception() is None


def test_with_http_info_the_callback_gets_status_and_headers_too(client: ApiClient) -> None:
    seen: list[Any] = []
    handle: Any = OrderStatusApi(client).order_status_with_http_info(EVENT, callback=seen.append)
    handle.join(PATIENCE)
    assert isinstance(seen[0], ApiResponse)
    assert seen[0].status == 200


def test_without_preload_the_callback_gets_urllib3s_response(client: ApiClient) -> None:
    seen: list[bytes] = []

    def read(response: urllib3.BaseHTTPResponse) -> None:
        seen.append(response.read())
        response.release_conn()

    send(client, read, _preload_content=False).join(PATIENCE)
    assert [json.loads(body)["message"] for body in seen] == ["OrderStatus received"]


def test_join_returns_after_the_callback_ran(client: ApiClient) -> None:
    seen: list[object] = []

    def slow(answer: object) -> None:
        time.sleep(0.05)
        seen.append(answer)

    send(client, slow).join()
    assert len(seen) == 1


def test_a_handle_is_alive_until_the_callback_ran(client: ApiClient, gate: threading.Event) -> None:
    handle = send(client, lambda _: gate.wait(PATIENCE))
    handle.join(0.01)
    assert handle.is_alive()
    with pytest.raises(FutureTimeoutError):
        handle.result(0.01)
    gate.set()
    handle.join(PATIENCE)
    assert not handle.is_alive()


def test_an_error_of_the_call_goes_to_the_handle_and_the_callback_is_not_called(
    sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[object] = []
    sandbox.fail(500)
    handle = send(client, seen.append, _retries=0)
    assert isinstance(handle.exception(PATIENCE), ServiceException)
    with pytest.raises(ServiceException):
        handle.result()
    assert seen == []
    assert "a call with callback= failed: ServiceException" in caplog.text


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_callback_goes_to_the_handle_and_the_log(
    client: ApiClient, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    def broken(_: object) -> None:
        raise kind("broken")

    handle = send(client, broken)
    assert isinstance(handle.exception(PATIENCE), kind)
    assert "a callback failed" in caplog.text
    assert send(client).exception(PATIENCE) is None


def test_misuse_is_raised_at_once(sandbox: Sandbox, client: ApiClient) -> None:
    with pytest.raises(ApiValueError, match="needs user_id"):
        OrderStatusApi(client).order_status(OrderStatus(), callback=ignore)
    client.configuration.api_key = {}
    with pytest.raises(ApiValueError, match="no API key"):
        send(client)
    assert sandbox.requests == []


def test_an_event_that_changes_after_the_call_is_sent_as_it_was(
    sandbox: Sandbox, make_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_client(callback_threads=1)
    send(client, lambda _: gate.wait(PATIENCE))
    numbers = [1]
    event = OrderStatus(user_id="before", custom_info={"a": numbers})
    handle: Any = OrderStatusApi(client).order_status(event, callback=ignore)
    event.user_id = "after"
    numbers.append(2)
    gate.set()
    handle.join(PATIENCE)
    assert sandbox.events[-1] == OrderStatus(user_id="before", custom_info={"a": [1]})


@pytest.mark.parametrize("most", [1, 3])
def test_at_most_callback_threads_work_and_no_queue_is_ever_full(
    make_client: Callable[..., ApiClient], most: int
) -> None:
    client = make_client(callback_threads=most)
    lock, running, peak = threading.Lock(), 0, 0

    def count(_: object) -> None:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    handles = [send(client, count) for _ in range(60)]
    for handle in handles:
        assert handle.result(PATIENCE).message
    assert peak <= most


def test_threads_end_when_there_is_nothing_to_do(client: ApiClient) -> None:
    send(client).join(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while any(t.name == "thirdwatch-callback" for t in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert not [t for t in threading.enumerate() if t.name == "thirdwatch-callback"]


def test_a_callback_may_send_another_event(make_client: Callable[..., ApiClient], sandbox: Sandbox) -> None:
    client = make_client(callback_threads=1)
    handles: list[PendingCall] = []
    send(client, lambda _: handles.append(send(client))).join(PATIENCE)
    handles[0].join(PATIENCE)
    assert len(sandbox.events) == 2


def test_a_call_that_waits_can_be_cancelled(
    sandbox: Sandbox, make_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_client(callback_threads=1)
    first = send(client, lambda _: gate.wait(PATIENCE))
    second = send(client)
    third = send(client)
    assert second.cancel()
    second.join(0)
    assert not second.is_alive()
    gate.set()
    first.join(PATIENCE)
    third.join(PATIENCE)
    with pytest.raises(CancelledError):
        second.result()
    assert len(sandbox.events) == 2


def test_closing_a_client_waits_for_the_calls_that_were_accepted(
    sandbox: Sandbox, make_client: Callable[..., ApiClient]
) -> None:
    client = make_client(callback_threads=2)
    handles = [send(client) for _ in range(20)]
    client.close()
    assert not any(handle.is_alive() for handle in handles)
    assert len(sandbox.events) == 20


def test_closing_a_client_waits_for_one_deadline_and_ends_the_handles_of_the_others(
    make_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_client(callback_threads=1, deadline=0.1)
    stuck = send(client, lambda _: gate.wait(PATIENCE))
    dropped, cancelled = send(client), send(client)
    assert cancelled.cancel()
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < 2
    assert stuck.is_alive()
    assert isinstance(dropped.exception(0.5), ConnectionException)
    assert "the client was closed" in str(dropped.exception())
    assert cancelled.cancelled()


def test_a_callback_that_closes_its_client_does_not_wait_for_itself(client: ApiClient) -> None:
    started = time.monotonic()
    send(client, lambda _: client.close()).join(PATIENCE)
    assert time.monotonic() - started < PATIENCE / 2


def test_a_client_that_was_closed_takes_calls_again(client: ApiClient) -> None:
    send(client).join(PATIENCE)
    client.close()
    assert send(client).result(PATIENCE).message


def test_without_a_thread_the_call_is_made_at_once(
    client: ApiClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoThread(threading.Thread):
        def start(self) -> None:
            if self.name == "thirdwatch-callback":
                raise RuntimeError("can't create new thread at interpreter shutdown")
            super().start()

    monkeypatch.setattr(threading, "Thread", NoThread)
    handle = send(client)
    assert not handle.is_alive()
    assert len(sandbox.events) == 1


def test_a_log_record_of_a_failed_call_shows_nothing_of_it(
    sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.fail(400, body={"error": "c4n4ry is unknown"})
    send(client).join(PATIENCE)
    assert "BadRequestException" in caplog.text
    assert "c4n4ry" not in caplog.text


PROGRAM = """
import sys, thirdwatch_api
thirdwatch_api.configuration.host = sys.argv[1]
thirdwatch_api.configuration.api_key = sys.argv[2]
thirdwatch_api.configuration.callback_threads = 1
for i in range(5):
    event = thirdwatch_api.OrderStatus(user_id=f"u-{i}")
    thirdwatch_api.OrderStatusApi().order_status(event, callback=print)
"""


def test_a_program_that_ends_delivers_what_was_accepted(sandbox: Sandbox) -> None:
    root = Path(thirdwatch_api.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, sandbox.host, sandbox.api_key],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("EventResponse(message='OrderStatus received')") == 5
    assert len(sandbox.events) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # 3.12 warns; that it works is the point
def test_a_forked_child_starts_anew(
    sandbox: Sandbox, make_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_client(callback_threads=1)
    busy = send(client, lambda _: gate.wait(PATIENCE))
    waiting = send(client)

    def child() -> None:
        os._exit(0 if send(client).result(PATIENCE).message else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0
    gate.set()
    busy.join(PATIENCE)
    waiting.join(PATIENCE)
    assert len(sandbox.events) == 3


def test_a_pool_without_work_closes_at_once(client: ApiClient) -> None:
    pool = CallbackPool(client.configuration)
    pool.close()
    assert pool.submit(lambda: 5, ignore).result(PATIENCE) == 5
