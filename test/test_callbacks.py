"""``callback=``: calls in the background, and the handle of each."""

import gc
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

import pytest
import urllib3

import thirdwatch_api
from thirdwatch_api import (
    ApiClient,
    ApiResponse,
    CreateAccount,
    CreateAccountApi,
    EventResponse,
    OrderStatus,
    OrderStatusApi,
    PendingCall,
)
from thirdwatch_api.callbacks import CallbackPool
from thirdwatch_api.exceptions import ApiException, ApiValueError, ConnectionException, ServiceException
from thirdwatch_api.sandbox import Sandbox

EVENT = OrderStatus(user_id="u-42")
PATIENCE = 5  # seconds; no test waits that long unless it fails


def ignore(_: object) -> None:
    """Do nothing with a result."""


def send(client: ApiClient, callback: Callable[[Any], object] = ignore, **options: Any) -> PendingCall:
    handle: Any = OrderStatusApi(client).order_status(EVENT, callback=callback, **options)
    assert isinstance(handle, PendingCall)
    return handle


def our_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "thirdwatch-callback"]


def wait_for_threads_to_end() -> None:
    deadline = time.monotonic() + PATIENCE
    while our_threads() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert our_threads() == []


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that callbacks may wait for; it is set at the end, so that no thread hangs."""
    event = threading.Event()
    yield event
    event.set()


def test_a_callback_gets_the_response_in_another_thread(client: ApiClient) -> None:
    seen: list[tuple[object, str]] = []
    handle = send(client, lambda response: seen.append((response, threading.current_thread().name)))
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

    def slow(response: object) -> None:
        time.sleep(0.05)
        seen.append(response)

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
    [record] = caplog.records
    wanted = f"a call with callback= failed: /v1/order_status: ServiceException: {handle.exception()}"
    assert (record.levelname, record.getMessage()) == ("WARNING", wanted)


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
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_sandbox_client(callback_threads=1)
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
    make_sandbox_client: Callable[..., ApiClient], most: int
) -> None:
    client = make_sandbox_client(callback_threads=most)
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


def test_after_idle_periods_there_are_no_more_threads_than_before(
    make_sandbox_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_sandbox_client(callback_threads=1)
    for _ in range(4):
        send(client).join(PATIENCE)
        wait_for_threads_to_end()
    handles = [send(client, lambda _: gate.wait(PATIENCE)) for _ in range(5)]
    threads = our_threads()
    assert [thread.daemon for thread in threads] == [True]
    gate.set()
    for handle in handles:
        handle.join(PATIENCE)


def test_a_call_that_is_over_is_kept_by_nobody(client: ApiClient) -> None:
    handle = send(client)
    handle.join(PATIENCE)
    wait_for_threads_to_end()
    kept = weakref.ref(handle)
    del handle
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("most", [1, 5])
def test_a_call_beyond_the_queue_is_refused_and_not_sent(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], gate: threading.Event, most: int
) -> None:
    client = make_sandbox_client(callback_threads=1, callback_queue=most)
    handles = [send(client, lambda _: gate.wait(PATIENCE)) for _ in range(1 + most)]
    with pytest.raises(ApiException, match=rf"^{most} calls .* configuration.callback_queue") as caught:
        send(client)
    assert (type(caught.value), caught.value.status, caught.value.attempts) == (ApiException, 0, 0)
    assert str(caught.value).endswith(
        "Nothing was sent. Send more slowly, or raise callback_threads or callback_queue."
    )
    gate.set()
    for handle in handles:
        assert handle.result(PATIENCE).message
    assert send(client).result(PATIENCE).message
    assert len(sandbox.events) == most + 2


def test_a_call_from_a_signal_handler_inside_a_call_does_not_deadlock(sandbox: Sandbox, client: ApiClient) -> None:
    """A handler runs between any two lines of the main thread; a trace function stands in for it."""
    handles: list[PendingCall] = []
    code = CallbackPool.submit.__code__

    def interrupt(frame: Any, event: str, arg: object) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            sys.settrace(None)
            handles.append(send(client))
            sys.settrace(interrupt)
        return interrupt

    def main() -> None:
        sys.settrace(interrupt)
        handles.append(send(client))
        sys.settrace(None)

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(handles) > 5
    for handle in handles:
        assert handle.result(PATIENCE).message
    assert len(sandbox.events) == len(handles)


def test_threads_end_when_there_is_nothing_to_do(client: ApiClient) -> None:
    send(client).join(PATIENCE)
    wait_for_threads_to_end()


def test_a_callback_may_send_another_event(make_sandbox_client: Callable[..., ApiClient], sandbox: Sandbox) -> None:
    client = make_sandbox_client(callback_threads=1)
    handles: list[PendingCall] = []
    send(client, lambda _: handles.append(send(client))).join(PATIENCE)
    handles[0].join(PATIENCE)
    assert len(sandbox.events) == 2


def test_a_call_that_waits_can_be_cancelled(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_sandbox_client(callback_threads=1)
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
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    client = make_sandbox_client(callback_threads=2)
    handles = [send(client) for _ in range(20)]
    client.close()
    assert not any(handle.is_alive() for handle in handles)
    assert len(sandbox.events) == 20


def test_closing_a_client_waits_for_one_deadline_and_ends_the_handles_of_the_others(
    make_sandbox_client: Callable[..., ApiClient], gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_sandbox_client(callback_threads=1, deadline=0.1)
    stuck = send(client, lambda _: gate.wait(PATIENCE))
    dropped, cancelled = send(client), send(client)
    assert cancelled.cancel()
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < PATIENCE / 2
    assert stuck.is_alive()
    assert isinstance(dropped.exception(PATIENCE), ConnectionException)
    assert "the client was closed" in str(dropped.exception())
    assert dropped.exception().status == 0  # type: ignore[union-attr]  # one of ours, as the line above says
    assert cancelled.cancelled()
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "calls with callback= that were dropped because the client was closed: 1")
    ]


def test_closing_a_client_waits_for_an_event_that_a_callback_sends_meanwhile(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_sandbox_client(callback_threads=1)
    chained: list[PendingCall] = []

    def send_another(_: object) -> None:
        gate.wait(PATIENCE)
        chained.append(send(client))

    send(client, send_another)
    threading.Timer(0.05, gate.set).start()
    client.close()
    assert chained[0].result(0).message
    assert len(sandbox.events) == 2


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


def test_a_log_record_of_a_failed_call_shows_what_the_service_said_and_nothing_secret_or_personal(
    sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sandbox.fail(400, body={"error": f"zoe@canary.example is unknown to {sandbox.api_key}"})
    event = CreateAccount(user_id="u-42", user_email="zoe@canary.example")
    handle: Any = CreateAccountApi(client).create_account(event, callback=ignore)
    handle.join(PATIENCE)
    assert "failed: /v1/create_account: BadRequestException: (400) Bad Request: *** is unknown to ***." in caplog.text
    assert "canary" not in caplog.text
    assert sandbox.api_key not in caplog.text


PROGRAM = """
import atexit, logging, sys
{before}
import thirdwatch_api
logging.basicConfig(format="%(levelname)s %(message)s")
configuration = thirdwatch_api.configuration
configuration.host, configuration.api_key = sys.argv[1:]

def send(callback=lambda response: sys.stdout.write(response.message + "\\n"), **options):
    event = thirdwatch_api.OrderStatus(user_id="u-42")
    return thirdwatch_api.OrderStatusApi().order_status(event, callback=callback, **options)

{body}
"""


def run_program(sandbox: Sandbox, body: str, before: str = "") -> tuple[list[str], list[str]]:
    """Run a program to its end, and return the lines of its output and of its log."""
    root = Path(thirdwatch_api.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body, before=before), sandbox.host, sandbox.api_key],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


ACCEPTED = "OrderStatus received"


def test_a_program_that_ends_delivers_what_was_accepted(sandbox: Sandbox) -> None:
    printed, logged = run_program(sandbox, "configuration.callback_threads = 1\nfor _ in range(5): send()")
    assert (printed, logged) == ([ACCEPTED] * 5, [])
    assert len(sandbox.events) == 5


def test_an_attempt_that_begins_after_the_end_of_the_program_is_made(sandbox: Sandbox) -> None:
    """urllib3 empties its pools at exit; a call that has to be tried again needs one after that."""
    sandbox.fail(503, headers={"Retry-After": "1"})
    body = """
import threading
refused = threading.Event()
configuration.on_retry = lambda _: refused.set()
configuration.deadline = 10
send()
assert refused.wait(10)
"""
    printed, logged = run_program(sandbox, body)
    assert (printed, logged) == ([ACCEPTED], [])
    assert [request.status for request in sandbox.requests] == [503, 200]


AT_EXIT = "atexit.register(lambda: {call})"


@pytest.mark.parametrize("call", ["send()", "send(callback=None) and print(1)"])
@pytest.mark.parametrize("when", ["before the import", "before the first call", "after the first call"])
def test_a_handler_at_exit_may_send_an_event(sandbox: Sandbox, call: str, when: str) -> None:
    register = AT_EXIT.format(call=call)
    before = register if when == "before the import" else ""
    body = {"before the import": "send()", "before the first call": f"{register}\nsend()"}.get(when)
    printed, logged = run_program(sandbox, body or f"send().join()\n{register}", before)
    assert (len(printed), logged) == (2, [])
    assert len(sandbox.events) == 2


def test_calls_that_the_end_of_the_program_cuts_off_are_counted_in_one_warning(sandbox: Sandbox) -> None:
    sandbox.fail(None, delay=PATIENCE, times=2)
    body = """
configuration.deadline, configuration.callback_threads = 0.25, 1
other = thirdwatch_api.ApiClient(configuration=thirdwatch_api.Configuration(
    host=configuration.host, api_key=configuration.api_key, deadline=0.25, callback_threads=1))
for client in (None, other):
    for _ in range(4):
        thirdwatch_api.OrderStatusApi(client).order_status(
            thirdwatch_api.OrderStatus(user_id="u-42"), callback=print, _deadline=20)
"""
    printed, logged = run_program(sandbox, body)
    assert printed == []
    assert logged == [
        "WARNING calls with callback= that the end of the process cut off: 6 waited for a thread, 2 were running"
    ]


@pytest.mark.parametrize("earlier", [0, 8])
def test_events_for_a_sandbox_in_the_same_program_are_not_lost_at_its_end(sandbox: Sandbox, earlier: int) -> None:
    """Python 3.12 starts no thread any more while a program ends, not even one for a connection of the sandbox."""
    body = """
from thirdwatch_api.sandbox import Sandbox
own = Sandbox().start()
configuration.host, configuration.api_key = own.host, own.api_key
atexit.register(lambda: [send() for _ in range(4)])
"""
    printed, logged = run_program(sandbox, f"{body}\nfor _ in range({earlier}): send()")
    assert logged == []
    assert printed.count(ACCEPTED) == 4 + earlier


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # 3.12 warns; that it works is the point
def test_a_forked_child_starts_anew(
    sandbox: Sandbox, make_sandbox_client: Callable[..., ApiClient], gate: threading.Event
) -> None:
    client = make_sandbox_client(callback_threads=1)
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
    assert pool.submit(lambda: 5, ignore, "/").result(PATIENCE) == 5
