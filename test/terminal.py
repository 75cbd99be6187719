"""The command ``thirdwatch``: in this process, as a process of its own, and at a terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import thirdwatch_api
from thirdwatch_api.cli import main
from thirdwatch_api.sandbox import Sandbox

__all__ = [
    "LIMIT",
    "Done",
    "Screen",
    "at_terminal",
    "call",
    "command",
    "environment",
    "reach",
    "reaching",
    "run",
    "started",
]

LIMIT = 60  # seconds after which a command counts as hung; it never takes that long otherwise

_OWN = re.compile(
    r"THIRDWATCH_.*|.*_PROXY|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|TERM|_ARC.*|_ARGCOMPLETE.*", re.IGNORECASE
)
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def reaching(service: Sandbox) -> dict[str, str]:
    """The variables of the environment that make a command call a service."""
    return {"THIRDWATCH_HOST": service.host, "THIRDWATCH_API_KEY": service.api_key}


def reach(service: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Make the commands of this process call a service, and return it."""
    for name, value in reaching(service).items():
        monkeypatch.setenv(name, value)
    return service


def environment(service: Sandbox | None = None, variables: Mapping[str, str] = {}) -> dict[str, str]:
    """The environment of a command: of the variables that it reads only those that are given."""
    kept = {name: value for name, value in os.environ.items() if not _OWN.fullmatch(name)}
    package = str(Path(thirdwatch_api.__file__).parents[1])
    reached = {} if service is None else reaching(service)
    return {**kept, "PYTHONPATH": package, "COLUMNS": "80", **reached, **variables}


def command(*arguments: object) -> list[str]:
    """The command, with warnings as errors."""
    return [sys.executable, "-W", "error", "-m", "thirdwatch_api", *map(str, arguments)]


def run(
    *arguments: object,
    service: Sandbox | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    variables: Mapping[str, str] = {},
) -> Done:
    """Run the command to its end as a process of its own, without a terminal.

    :param service: what it calls, where it calls anything
    :param variables: further variables of its environment
    """
    done = subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        input=stdin,
        cwd=cwd,
        timeout=LIMIT,
        env=environment(service, variables),
    )
    return Done(done.returncode, done.stdout, done.stderr)


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Done:
    """Run the command to its end in this process."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    shown = capsys.readouterr()
    return Done(code, shown.out, shown.err)


@contextmanager
def started(*arguments: object, service: Sandbox | None = None) -> Generator[subprocess.Popen[str]]:
    """Start the command as a process of its own, and kill it at the end, if need be."""
    env = environment(service)
    pipe = subprocess.PIPE
    with subprocess.Popen(command(*arguments), text=True, env=env, stdout=pipe, stderr=pipe) as process:
        last_resort = threading.Timer(LIMIT, process.kill)
        last_resort.start()
        try:
            yield process
        finally:
            last_resort.cancel()
            if process.poll() is None:
                process.kill()


class Screen:
    """A terminal at which a command runs."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.raw = ""
        self._master = master
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def text(self) -> str:
        """What was written, without colours and cursor movements."""
        return _STEERING.sub("", self.raw)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # as Linux reports that the other side is closed
                data = b""
            with self._news:
                self.raw += data.decode(errors="replace")
                self._news.notify_all()
            if not data:
                return

    def wait_for(self, is_there: Callable[[str], object]) -> None:
        """Wait until the text is as it should be."""
        with self._news:
            assert self._news.wait_for(lambda: is_there(self.text), LIMIT), self.text

    def type(self, keys: str) -> None:
        """Type keys: ``"\\x03"`` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Wait for the end of the command, and return its exit code as a shell does."""
        code = self.process.wait(LIMIT)
        self._thread.join(LIMIT)
        return code if code >= 0 else 128 - code


@contextmanager
def at_terminal(
    *arguments: object,
    service: Sandbox | None = None,
    cwd: Path | None = None,
    variables: Mapping[str, str] = {},
) -> Generator[Screen]:
    """Start the command at a terminal of its own, of 100 columns."""
    pty = pytest.importorskip("pty", reason="this system has no terminals of this kind")
    termios = pytest.importorskip("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (40, 100)) if hasattr(termios, "tcsetwinsize") else None
    env = environment(service, {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **variables})
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_THE_TERMINAL, *command(*arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=env,
        cwd=cwd,
    )
    os.close(slave)
    screen = Screen(process, master)
    try:
        yield screen
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        screen.end()
        os.close(master)
