"""A program that interrupts calls at each line in turn, as a signal handler may, and reports what that broke.

Run as ``python -m test.interrupted SCENE WAY STEP HOST CA_FILE``. It replaces the trace function and the clock,
so it has a process of its own.
"""

from __future__ import annotations

import contextlib
import contextvars
import faulthandler
import gc
import http.client
import itertools
import json
import linecache
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import urllib3

import thirdwatch_api
from thirdwatch_api import ApiClient, ApiException, Configuration, OrderStatus, OrderStatusApi, TimeoutException

MOST_PROBLEMS = 5
"""Enough to see what is wrong: a lost place costs the next call its deadline."""
_WATCHED = (
    str(Path(str(thirdwatch_api.__file__)).parent) + os.sep,
    str(Path(str(urllib3.__file__)).parent) + os.sep,
    str(http.client.__file__),
    str(socket.__file__),
)
_users = map("u-{}".format, itertools.count())  # no generator, which an exception would end


class Interrupt(BaseException):
    """What a handler of signals raises, as KeyboardInterrupt."""


class SoftInterrupt(Exception):
    """What a handler of signals raises, as Celery's SoftTimeLimitExceeded."""


class At:
    """Do something at the n-th line of a piece of work."""

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.number = number
        self.act = act
        self.lines = 0
        self.where = ""
        self._last: dict[FrameType, int] = {}

    def run(self, work: Callable[[], Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return work()
        finally:
            sys.settrace(before)
            self._last.clear()

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(_WATCHED):
            return None
        if event == "line" and not self._leaves_with(frame):
            self.lines += 1
            if self.lines == self.number:
                self.where = f"{frame.f_code.co_filename.rpartition('site-packages/')[2]}:{frame.f_lineno}"
                self.act()
        return self._trace

    def _leaves_with(self, frame: FrameType) -> bool:
        # The trace function is called once more for a `with` before __exit__ is. No handler of signals is: it runs
        # after a call, and there the body, or __exit__, has ended.
        last, self._last[frame] = self._last.get(frame, 0), frame.f_lineno
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        return last > frame.f_lineno and line.startswith("with ")


class Scene:
    """A client, and a call of it that is interrupted. The rest is the same for all."""

    one_client = True
    """Whether all calls are made by one client, which was used before; else by a new one each time."""

    has_place = True
    """Whether the pool has a place for a call that a handler makes; else that call waits until its deadline."""

    def __init__(self, host: str, ca_file: str, places: int) -> None:
        self.host = host
        self.ca_file = ca_file
        self.places = places
        self.client = self.new_client()

    def new_client(self) -> ApiClient:
        client = ApiClient(
            configuration=Configuration(
                host=self.host,
                api_key="key",
                ssl_ca_cert=self.ca_file,
                connection_pool_maxsize=self.places,
                deadline=30.0,
                idle_timeout=2e6,  # the clock jumps
            )
        )
        client.rest_client.sleep = lambda seconds: None
        return client

    def call(self, user: str, client: ApiClient | None = None, **options: Any) -> Any:
        event = OrderStatus(user_id=user, order_id="o-1001", order_status="_fulfilled")
        response: Any = OrderStatusApi(client or self.client).order_status(event, **options)
        return response if "_preload_content" in options else response.message

    def prepare(self) -> None:
        """Do what comes before the call that is interrupted."""
        if not self.one_client:
            self.client.close()
            self.client = self.new_client()

    def work(self) -> None:
        """Make the call that is interrupted."""
        self.call(next(_users))

    def finish(self) -> list[str]:
        """Do what comes after it, and say what is wrong."""
        return []


class First(Scene):
    one_client = False


class Retried(Scene):
    def work(self) -> None:
        self.call(f"retry-{next(_users)}")


class Unread(Scene):
    def work(self) -> None:
        response = self.call(next(_users), _preload_content=False)
        response.close()
        response.release_conn()


class Waiting(Scene):
    """All connections are in use, until the deadline."""

    has_place = False

    def prepare(self) -> None:
        self.held = self.call(next(_users), _preload_content=False)

    def work(self) -> None:
        with contextlib.suppress(ApiException):
            self.call(next(_users), _deadline=0.01)

    def finish(self) -> list[str]:
        problems: list[str] = []
        with contextlib.suppress(TimeoutException):
            self.call(next(_users), _deadline=0.005)
            problems.append("the pool has more places than before")
        self.held.close()
        self.held.release_conn()
        del self.held
        return problems


SCENES: dict[str, type[Scene]] = {
    "warm": Scene,
    "first": First,
    "retried": Retried,
    "unread": Unread,
    "waiting": Waiting,
}


def _descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counts itself each time


def _check(scene: Scene, descriptors: int, context: dict[Any, Any]) -> list[str]:
    """Look for what an interrupted call left behind."""
    problems: list[str] = []

    def expect(what: str, work: Callable[[], object], wanted: object) -> None:
        try:
            found = work()
        except ApiException as error:
            found = str(error)
        if found != wanted:
            problems.append(f"{what}: {found!r}, expected {wanted!r}")

    user = next(_users)
    expect("the next call", lambda: scene.call(user, _deadline=3.0), user)
    expect("the context", lambda: dict(contextvars.copy_context()), context)
    expect("descriptors", _descriptors, descriptors)
    _clock.jump(60)
    with scene.new_client() as other:
        expect("a new client after the deadline", lambda: scene.call(user, other), user)
        threads = _in_thread(lambda: expect("a call in another thread", lambda: scene.call(user, other), user))
        expect("a call in another thread ended", lambda: threads, True)
    return problems


def _in_thread(work: Callable[[], object]) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    return not thread.is_alive()


class JumpingClock:
    """The clock of the process, which can jump past each deadline."""

    def __init__(self) -> None:
        self._real = time.monotonic
        self._offset = 0.0

    def __call__(self) -> float:
        return self._real() + self._offset

    def jump(self, seconds: float) -> None:
        self._offset += seconds


_clock = JumpingClock()


class Report:
    """What was done, and what went wrong."""

    def __init__(self) -> None:
        self.lines = 0
        self.problems: list[str] = []

    @property
    def is_enough(self) -> bool:
        return len(self.problems) >= MOST_PROBLEMS

    def print(self) -> None:
        print(json.dumps({"lines": self.lines, "problems": self.problems}))


def interrupt(scene: Scene, report: Report, run: Callable[[], str | None]) -> bool:
    """Do a call that ``run`` interrupts, and look for what that left behind.

    :param run: does the scene's work, and says where it was interrupted; None when it was not
    :return: whether it was interrupted
    """

    def once() -> bool:
        scene.prepare()
        where = run()
        problems = scene.finish()
        if where is None:
            return False
        problems += _check(scene, descriptors, context)
        report.problems += [f"{where}: {problem}" for problem in problems]
        if problems:
            scene.client.close()
            scene.client = scene.new_client()
        return True

    scene.call(next(_users))
    descriptors, context = _descriptors(), dict(contextvars.copy_context())
    # What a call leaves in its context must not be found after the next ones.
    return contextvars.copy_context().run(once)


def interrupt_each_line(scene: Scene, error: type[BaseException], stride: int) -> Report:
    """Interrupt a call at its 1st line, then at a later one, until it comes to its end."""

    def act() -> None:
        raise error

    def run() -> str | None:
        at = At(report.lines, act)
        with contextlib.suppress(error):
            at.run(scene.work)
        return f"line {report.lines}, {at.where}" if at.where else None

    report = Report()
    report.lines = 1
    while not report.is_enough and interrupt(scene, report, run):
        report.lines += stride
    return report


def interrupt_at_random(scene: Scene, error: type[BaseException], count: int) -> Report:
    """Interrupt calls by the alarm of the system, each after a time that is drawn."""
    is_armed = False
    report = Report()
    draw = random.Random(9).uniform

    def handler(number: int, frame: FrameType | None) -> None:
        if is_armed:
            raise error

    def run() -> str | None:
        nonlocal is_armed
        try:
            try:
                is_armed = True
                signal.setitimer(signal.ITIMER_REAL, draw(1e-6, usual))
                scene.work()
            finally:
                is_armed = False
        except error:
            report.lines += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        return f"alarm {report.lines}"

    signal.signal(signal.SIGALRM, handler)
    started = time.perf_counter()
    for _ in range(20):
        scene.work()
    usual = (time.perf_counter() - started) / 20
    for _ in range(count):
        if not report.is_enough:
            interrupt(scene, report, run)
    return report


def call_at_each_line(scene: Scene, stride: int) -> Report:
    """Make a call in a handler of signals at a line of a call, for each line in turn."""
    handled: list[object] = []

    def handler(number: int, frame: FrameType | None) -> None:
        sys.settrace(None)
        user = next(_users)
        try:
            handled.append(scene.call(user, _deadline=5.0 if scene.has_place else 0.02) == user)
        except TimeoutException as error:
            handled.append(str(error) if scene.has_place else True)
        except ApiException as error:
            handled.append(str(error))

    signal.signal(signal.SIGUSR1, handler)
    report = Report()
    report.lines = 1
    while not report.is_enough:
        handled.clear()
        scene.prepare()
        at = At(report.lines, lambda: signal.raise_signal(signal.SIGUSR1))
        faulthandler.dump_traceback_later(15, exit=True)
        try:
            at.run(scene.work)
        except ApiException as error:
            report.problems.append(f"line {report.lines}, {at.where}: the call: {error}")
        faulthandler.cancel_dump_traceback_later()
        scene.finish()
        if not at.where:
            break
        if handled != [True]:
            report.problems.append(f"line {report.lines}, {at.where}: the handler's call: {handled}")
        report.lines += stride
    return report


def _unraisable(unraisable: Any) -> None:
    """Report what a finalizer raised, but for the interrupt itself, and for what the socket module had half made."""
    ours = not isinstance(unraisable.object, socket.SocketIO) and "SocketIO" not in str(unraisable.exc_value)
    if ours and not isinstance(unraisable.exc_value, (Interrupt, SoftInterrupt)):
        sys.__unraisablehook__(unraisable)


def main(scene_name: str, way: str, step: str, host: str, ca_file: str) -> None:
    """Run one scene, and print a report."""
    time.monotonic = _clock
    sys.unraisablehook = _unraisable
    kind = SCENES[scene_name]
    scene = kind(host, ca_file, places=2 if way == "call" and kind.has_place else 1)
    scene.prepare()
    scene.work()  # imports what a first call does
    scene.finish()
    gc.collect()
    gc.freeze()
    if way == "call":
        report = call_at_each_line(scene, int(step))
    elif way == "alarm":
        report = interrupt_at_random(scene, SoftInterrupt, int(step))
    else:
        report = interrupt_each_line(scene, {"hard": Interrupt, "soft": SoftInterrupt}[way], int(step))
    report.print()


if __name__ == "__main__":
    main(*sys.argv[1:])
