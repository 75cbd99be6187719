"""One client serves threads and survives forks; nothing is left behind by clients, callbacks and exits."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import (
    ApiClient,
    ApiException,
    BadRequestException,
    Configuration,
    ConnectionException,
    OrderStatus,
    OrderStatusApi,
    TimeoutException,
)
from thirdwatch_api._lazy import FORK_LOCK

from .programs import HANG, run_script
from .servers import (
    EVENT,
    KEY,
    OK,
    PATIENCE,
    Authority,
    FaultServer,
    Stopwatch,
    Then,
    delayed,
    eventually,
    in_time,
    latest,
    make_client,
    message,
    respond,
    stall,
)

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")


def run_threads(count: int, work: Any) -> list[Any]:
    """Run a function in threads that begin together, and return what each returned or raised."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = work(index)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to see it
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def users_by_connection(server: FaultServer) -> dict[int, set[str]]:
    users: dict[int, set[str]] = defaultdict(set)
    for request in server.requests:
        users[request.connection].add(request.json["_userId"])
    return users


def test_32_threads_open_at_most_32_connections_and_nobody_is_warned(caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer() as server, make_client(server.url) as client:

        def work(index: int) -> int:
            for _ in range(15):
                OrderStatusApi(client).order_status(EVENT)
            return index

        assert run_threads(32, work) == list(range(32))
        assert server.connections <= 32
        assert len(server.requests) == 32 * 15
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_more_threads_than_connections_share_those_there_are() -> None:
    with FaultServer(delayed(0.002, respond())) as server:
        with make_client(server.url, connection_pool_maxsize=4) as client:
            results = run_threads(24, lambda _: [OrderStatusApi(client).order_status(EVENT) for _ in range(5)])
        assert all(isinstance(result, list) for result in results)
        assert (server.connections, len(server.requests)) == (4, 120)


def test_a_call_that_waits_for_a_connection_is_not_overtaken_by_later_ones() -> None:
    started: list[int] = []
    calls = 25

    def respond_when_all_wait(peer: Any) -> None:
        eventually(lambda: len(started) == 6)
        peer.closing.wait(0.002)
        peer.send(message())

    with FaultServer(respond_when_all_wait) as server:
        with make_client(server.url, connection_pool_maxsize=1, deadline=PATIENCE) as client:

            def work(index: int) -> None:
                started.append(index)
                for _ in range(calls):
                    OrderStatusApi(client).order_status(OrderStatus(str(index), order_id="o", order_status="s"))

            assert run_threads(6, work) == [None] * 6
    users = [request.json["_userId"] for request in server.requests]
    ends = [len(users) - users[::-1].index(str(index)) for index in range(6)]
    # In turn, all end within the last round of 150. One that takes back at once what it gave ends after 25 or 50.
    assert min(ends) > 3 * calls


def test_a_call_that_gives_up_waiting_takes_no_connection_with_it() -> None:
    with FaultServer(delayed(0.01, respond())) as server:
        with make_client(server.url, connection_pool_maxsize=2) as client:

            def work(index: int) -> None:
                for number in range(10):
                    with contextlib.suppress(TimeoutException):
                        OrderStatusApi(client).order_status(EVENT, _deadline=0.011 + 0.003 * ((index + number) % 5))

            assert run_threads(8, work) == [None] * 8
            for _ in range(2):  # both connections are there, and free
                assert run_threads(2, lambda _: OrderStatusApi(client).order_status(EVENT).message) == ["taken"] * 2


def test_threads_in_trouble_get_errors_of_their_own() -> None:
    def echo(peer: Any) -> None:
        user = server.requests_of(peer.number)[-1].json["_userId"]
        peer.send(message(400, b'{"error": "%s"}' % user.encode()))

    with FaultServer(echo) as server, make_client(server.url, client_side_validation=False) as client:

        def work(index: int) -> object:
            for _ in range(10):
                with pytest.raises(BadRequestException) as caught:
                    OrderStatusApi(client).order_status({"_userId": f"user-{index}"})
                assert caught.value.error_response is not None
                assert caught.value.error_response.message == f"user-{index}"
            return index

        assert run_threads(16, work) == list(range(16))


def test_two_clients_in_threads_never_mix_their_keys() -> None:
    with FaultServer() as one, FaultServer() as other:
        clients = [make_client(one.url, api_key="key-of-one"), make_client(other.url, api_key="key-of-other")]
        run_threads(8, lambda i: [OrderStatusApi(clients[i % 2]).order_status(EVENT) for _ in range(10)])
        for client, server in zip(clients, (one, other), strict=True):
            client.close()
            keys = {request.headers["x-thirdwatch-api-key"] for request in server.requests}
            assert keys == {client.configuration.api_key["X-THIRDWATCH-API-KEY"]}


def test_no_thread_exists_until_a_callback_is_used_and_few_after() -> None:
    def own_threads() -> int:
        return sum(thread.name.startswith("thirdwatch") for thread in threading.enumerate())

    with FaultServer(delayed(0.01, respond())) as server, make_client(server.url, callback_threads=3) as client:
        OrderStatusApi(client).order_status(EVENT)
        assert own_threads() == 0
        handles: list[Any] = [OrderStatusApi(client).order_status(EVENT, callback=lambda r: None) for _ in range(40)]
        assert own_threads() <= 3
        assert all(handle.result(5).message == "taken" for handle in handles)
        assert server.connections <= 4
        eventually(lambda: own_threads() == 0)


def test_closing_a_client_ends_accepted_calls_first() -> None:
    results: list[Any] = []
    with FaultServer(delayed(0.01, respond())) as server:
        with make_client(server.url, callback_threads=2) as client:
            for _ in range(10):
                OrderStatusApi(client).order_status(EVENT, callback=results.append)
        assert (len(results), len(server.requests)) == (10, 10)


@in_time
def test_closing_a_client_drops_what_its_deadline_leaves_and_ends_each_wait() -> None:
    with FaultServer(stall) as server, make_client(server.url, callback_threads=1, deadline=0.2) as client:
        options: Any = {"callback": print, "_deadline": 0.5}
        handles: list[Any] = [OrderStatusApi(client).order_status(EVENT, **options) for _ in range(20)]
        eventually(lambda: server.requests)
        with Stopwatch() as watch:
            client.close()
        watch.check(latest(0.2))
        for handle in handles:
            handle.join(PATIENCE)
        errors = [handle.exception(0) for handle in handles]
        assert all(isinstance(error, ConnectionException) for error in errors)
        assert isinstance(errors[0], TimeoutException)
        assert "closed" in str(errors[-1])


def test_a_call_with_a_callback_is_made_at_once_where_no_thread_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def no_thread(self: threading.Thread) -> None:
        if self.name.startswith("thirdwatch"):
            raise RuntimeError("can't start new thread")
        start(self)

    results: list[Any] = []
    with FaultServer() as server, make_client(server.url) as client:
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        handle: Any = OrderStatusApi(client).order_status(EVENT, callback=results.append)
        monkeypatch.undo()
        assert (handle.is_alive(), len(results), len(server.requests)) == (False, 1, 1)


def test_a_call_that_was_cancelled_before_its_turn_is_not_made() -> None:
    cancelled = threading.Event()

    def respond_after(peer: Any) -> None:
        cancelled.wait(PATIENCE)
        peer.send(message())

    with FaultServer(respond_after) as server, make_client(server.url, callback_threads=1, deadline=PATIENCE) as client:
        first: Any = OrderStatusApi(client).order_status(EVENT, callback=print)
        second: Any = OrderStatusApi(client).order_status(EVENT, callback=print)
        assert second.cancel()
        cancelled.set()
        first.join()
        client.close()
        assert len(server.requests) == 1


DESCRIPTORS = Path("/proc/self/fd")
COUNTED = pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="there is no /proc on this system")


def test_a_call_that_was_cancelled_may_be_dropped_as_well() -> None:
    with FaultServer(stall) as server, make_client(server.url, callback_threads=1, deadline=0.1, retries=0) as client:
        options: Any = {"callback": print, "_deadline": PATIENCE, "_request_timeout": PATIENCE}
        handles: list[Any] = [OrderStatusApi(client).order_status(EVENT, **options) for _ in range(2)]
        eventually(lambda: server.requests)
        assert handles[1].cancel()
        client.close()
        assert [handle.done() for handle in handles] == [False, True]
        server.close()
        handles[0].join()


def _descriptors() -> int:
    return len(list(DESCRIPTORS.iterdir()))


def _no_more_descriptors_than(most: int) -> bool:
    return _descriptors() <= most


@COUNTED
def test_1000_clients_leave_descriptors_and_threads_where_they_were() -> None:
    with FaultServer() as server:

        def use(close: bool) -> None:
            client = make_client(server.url)
            OrderStatusApi(client).order_status(EVENT)
            if close:
                client.close()

        use(close=True)
        gc.collect()
        descriptors, threads = _descriptors(), threading.active_count()
        for number in range(1000):
            use(close=number % 10 > 0)  # a client that nobody closes is closed when it is forgotten
        gc.collect()
        eventually(lambda: not server.open_connections)
        eventually(partial(_no_more_descriptors_than, descriptors))
        eventually(lambda: threading.active_count() <= threads)  # the server's end as well


@COUNTED
def test_failed_calls_leave_descriptors_where_they_were(tmp_path: Path) -> None:
    authority = Authority()
    stranger = Authority().write(str(tmp_path / "ca.pem"))
    steps = (respond(400), respond(503), lambda peer: peer.reset(), lambda peer: peer.hang_up())
    with FaultServer(*steps * 20) as server, FaultServer(tls=authority.server()) as untrusted:
        for counted in (False, True):
            before = _descriptors()
            for url in [server.url] * 4 + [untrusted.url] * 2:
                with make_client(url, retries=0, ssl_ca_cert=stranger) as client, pytest.raises(ApiException):
                    OrderStatusApi(client).order_status(EVENT)
            gc.collect()
            eventually(lambda: not server.open_connections + untrusted.open_connections)
            if counted:
                eventually(partial(_no_more_descriptors_than, before))


@pytest.mark.parametrize("status", [400, 401, 404, 429, 503])
def test_an_exception_survives_pickling_with_all_it_says(status: int) -> None:
    with FaultServer(respond(status, b'{"error": "no"}')) as server, make_client(server.url, retries=0) as client:
        with pytest.raises(ApiException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert type(twin) is type(caught.value)
    assert str(twin) == str(caught.value)
    for name in ("status", "reason", "body", "error_response", "attempts", "retry_after"):
        assert getattr(twin, name) == getattr(caught.value, name)
    assert dict(twin.headers.items()) == dict(caught.value.headers.items())  # type: ignore[union-attr]  # a response came


SETUP = """
    import os, sys, threading, time
    from thirdwatch_api import ApiClient, Configuration, OrderStatus, OrderStatusApi

    configuration = Configuration(
        host=sys.argv[1], api_key="k", deadline=30, connection_pool_maxsize=3, callback_threads=2,
        ssl_ca_cert=(sys.argv[2:] or [None])[0],
    )
    orders = OrderStatusApi(ApiClient(configuration=configuration))

    def send(user, **options):
        return orders.order_status(OrderStatus(user_id=user, order_id="o-1", order_status="_held"), **options)

    def wait_for(pid):
        for _ in range(6_000):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
            time.sleep(0.005)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        return "hung"
"""

FORK_IN_A_LOOP = (
    SETUP
    + """
    stop = threading.Event()

    def work():
        while not stop.is_set():
            send("parent")

    threads = [threading.Thread(target=work) for _ in range(4)]  # three in calls, one waiting for a connection
    for thread in threads:
        thread.start()
    ends = []
    for number in range(int(sys.argv[3])):
        pid = os.fork()
        if not pid:
            send(f"child {number}")
            if number % 3 == 0:
                send(f"child {number}", callback=lambda result: None)
            sys.exit(0)
        ends.append(wait_for(pid))
    stop.set()
    for thread in threads:
        thread.join()
    send("parent")
    print(ends)
"""
)


@FORKS
@pytest.mark.parametrize(("tls", "then", "forks"), [(False, "keep", 20), (True, "keep", 8), (True, "close", 8)])
def test_children_that_are_forked_during_calls_send_and_exit_and_share_no_connection(
    tls: bool, then: Then, forks: int, tmp_path: Path
) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    busy = delayed(0.01, respond(then=then))  # else six threads would keep the machine from forking
    with FaultServer(busy, tls=authority.server() if tls else None) as server:
        done = run_script(FORK_IN_A_LOOP, server.url, ca_file, str(forks))
        assert (done.stdout, done.stderr) == (f"{[0] * forks}\n", "")
        users = users_by_connection(server)
        assert [names for names in users.values() if len(names) > 1] == []
        assert set().union(*users.values()) == {"parent", *(f"child {number}" for number in range(forks))}


def test_a_handshake_waits_until_nobody_forks(tmp_path: Path) -> None:
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(respond(then="close"), tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            OrderStatusApi(client).order_status(EVENT)
            eventually(lambda: not server.open_connections)
            with FORK_LOCK:
                handle: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda result: None)
                handle.join(0.1)
                assert (handle.is_alive(), len(server.requests)) == (True, 1)
            assert handle.result(PATIENCE).message == "taken"


@FORKS
def test_a_fork_waits_until_nobody_is_in_what_must_not_be_forked() -> None:
    script = """
    from thirdwatch_api._lazy import FORK_LOCK

    holding = threading.Event()
    ends = []

    def hold():
        with FORK_LOCK:
            holding.set()
            time.sleep(0.3)
            ends.append(True)

    threading.Thread(target=hold).start()
    holding.wait()
    pid = os.fork()
    if not pid:
        with FORK_LOCK:
            sys.exit(0)
    assert ends
    assert wait_for(pid) == 0
    with FORK_LOCK:
        pass
    """
    done = run_script(SETUP + script, "http://127.0.0.1")
    assert (done.returncode, done.stderr) == (0, "")


@FORKS
@pytest.mark.parametrize("tls", [False, True])
def test_a_childs_exit_leaves_the_parents_connections_alone(tls: bool, tmp_path: Path) -> None:
    script = """
    for number in range(5):
        send("parent")
        pid = os.fork()
        if not pid:
            if number % 2:
                send("child")
            sys.exit(0)
        assert wait_for(pid) == 0
    orders.api_client.close()
    """
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(tls=authority.server() if tls else None) as server:
        done = run_script(SETUP + script, server.url, ca_file)
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(map(sorted, users_by_connection(server).values())) == [["child"], ["child"], ["parent"]]


@FORKS
def test_a_child_does_not_wait_for_the_calls_that_its_parent_accepted() -> None:
    script = """
    handles = [send("parent", callback=lambda result: os.write(1, b"taken\\n")) for _ in range(4)]
    pid = os.fork()
    if not pid:
        sys.exit(0)
    assert wait_for(pid) == 0
    assert not any(handle.done() for handle in handles)
    send("the end of the child was seen")
    """
    seen = threading.Event()

    def respond_when_seen(peer: Any) -> None:
        if peer.last.json["_userId"] != "parent":
            seen.set()
        seen.wait(PATIENCE)
        peer.send(message())

    with FaultServer(respond_when_seen) as server:
        done = run_script(SETUP + script, server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "taken\n" * 4, "")


@FORKS
def test_the_client_that_all_share_works_in_workers_that_a_server_forks() -> None:
    script = """
    import thirdwatch_api
    thirdwatch_api.configuration.host = sys.argv[1]
    thirdwatch_api.configuration.api_key = "k"
    thirdwatch_api.OrderStatusApi().order_status({"_userId": "master", "_orderId": "o", "_orderStatus": "_held"})
    workers = []
    for number in range(4):
        pid = os.fork()
        if not pid:
            for _ in range(5):
                event = {"_userId": f"worker {number}", "_orderId": "o", "_orderStatus": "_held"}
                thirdwatch_api.OrderStatusApi().order_status(event)
            sys.exit(0)
        workers.append(pid)
    assert [wait_for(pid) for pid in workers] == [0] * 4
    """
    with FaultServer() as server:
        done = run_script(SETUP + script, server.url)
        assert (done.returncode, done.stderr) == (0, "")
        users = list(users_by_connection(server).values())
        assert sorted(map(sorted, users)) == [["master"], *([f"worker {number}"] for number in range(4))]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing_send_and_exit(method: str, tmp_path: Path) -> None:
    if method == "fork":
        pytest.importorskip("fcntl", reason="there is no fork on this system")
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(SETUP)
        + textwrap.dedent("""
            import multiprocessing

            if __name__ == "__main__":
                send("parent")
                context = multiprocessing.get_context(sys.argv[3])
                children = [context.Process(target=send, args=(f"child {number}",)) for number in range(3)]
                for child in children:
                    child.start()
                for child in children:
                    child.join(60)
                assert [child.exitcode for child in children] == [0] * 3
                send("parent")
        """)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    authority = Authority()
    ca_file = authority.write(str(tmp_path / "ca.pem"))
    with FaultServer(tls=authority.server()) as server:
        done = subprocess.run(
            [sys.executable, str(script), server.url, ca_file, method],
            check=False,
            capture_output=True,
            text=True,
            timeout=HANG,
            env=environment,
        )
        assert (done.returncode, done.stderr) == (0, "")
        users = sorted(map(sorted, users_by_connection(server).values()))
        assert users == [["child 0"], ["child 1"], ["child 2"], ["parent"]]


def test_the_interpreters_exit_delivers_what_was_accepted() -> None:
    script = """
    for _ in range(6):
        send("u-42", callback=lambda result: os.write(1, b"taken\\n"))
    """
    with FaultServer(delayed(0.05, respond())) as server:
        done = run_script(SETUP + script, server.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "taken\n" * 6, "")
        assert len(server.requests) == 6


@in_time
def test_the_interpreters_exit_takes_one_deadline_at_most_and_says_what_was_lost() -> None:
    script = """
    configuration.deadline = 0.5
    others = [OrderStatusApi(ApiClient(configuration=configuration)) for _ in range(3)]
    for _ in range(5):
        send("u-42", callback=print)
        for other in others:
            event = {"_userId": "u-42", "_orderId": "o", "_orderStatus": "_held"}
            other.order_status(event, callback=print)
    print(time.time(), flush=True)
    """
    with FaultServer(stall) as server:
        done = run_script(SETUP + script, server.url)
        ended = time.time()
    assert done.returncode == 0
    lost = ("a call with callback= failed: /v1/order_status: TimeoutException", "calls with callback= that the end")
    assert done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith(lost)] == []
    watch = Stopwatch()
    watch.seconds = ended - float(done.stdout)
    watch.check(0.5 * 1.1 + 0.4)


FIRST_USES = [
    ("from thirdwatch_api.apis.order_status_api import OrderStatusApi", "from thirdwatch_api import OrderStatusApi"),
    ("import thirdwatch_api.api_client", "from thirdwatch_api import ScoreApi"),
    ("import thirdwatch_api.sandbox", "from thirdwatch_api import sandbox"),
]


@pytest.mark.parametrize("delay", ["0", "0.0005", "0.001", "0.002", "0.004"])
@pytest.mark.parametrize(("one", "other"), FIRST_USES)
def test_two_threads_that_import_at_the_same_time_do_not_wait_for_each_other(one: str, other: str, delay: str) -> None:
    script = """
    import sys, threading, time, thirdwatch_api
    start = threading.Barrier(2)
    def work(statement, delay):
        start.wait()
        time.sleep(delay)
        exec(statement)
    jobs = [(sys.argv[1], 0), (sys.argv[2], float(sys.argv[3]))]
    threads = [threading.Thread(target=work, args=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    print(sum(thread.is_alive() for thread in threads))
    """
    done = run_script(script, one, other, delay)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_program_that_never_closes_its_client_ends_without_a_word() -> None:
    with FaultServer() as server:
        done = run_script(SETUP + '\n    send("u-42")\n', server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_call_that_is_made_while_the_interpreter_exits_is_delivered() -> None:
    script = """
    import atexit
    atexit.register(send, "u-42")
    atexit.register(send, "u-42", callback=lambda result: print(result.message, flush=True))
    """
    with FaultServer() as server:
        done = run_script(SETUP + script, server.url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "taken\n", "")
        assert len(server.requests) == 2


def test_a_configuration_that_is_pickled_makes_a_client_of_its_own() -> None:
    with FaultServer() as server:
        configuration = pickle.loads(pickle.dumps(Configuration(host=server.url, api_key=KEY)))
        with ApiClient(configuration=configuration) as client:
            response: Any = OrderStatusApi(client).order_status(
                OrderStatus(user_id="u", order_id="o", order_status="s"), _preload_content=False
            )
            assert response.read() == OK
