"""A signal handler that raises costs one call, and one that makes a call itself gets its response.

Each scene runs in a process of its own (``interrupted.py``), whose lines of code are interrupted in turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .servers import Authority, FaultServer, Peer, message


class Echo:
    """Respond to each user by name, so that another call's response shows; ``retry-...`` gets a 503 first."""

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def __call__(self, peer: Peer) -> None:
        user = peer.last.json["_userId"]
        if user.startswith("retry-") and user not in self._refused:
            self._refused.add(user)
            peer.send(message(503, b"{}"))
        else:
            peer.send(message(200, json.dumps({"message": user}).encode()))


@pytest.fixture
def no_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the trace function of the child to the test."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)


def _play(scene: str, way: str, step: int, scheme: str, folder: Path) -> Any:
    authority = Authority()
    ca_file = authority.write(str(folder / "ca.pem"))
    with FaultServer(Echo(), tls=authority.server() if scheme == "https" else None) as server:
        command = [sys.executable, "-m", "test.interrupted", scene, way, str(step), server.url, ca_file]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


# A step of 1 looks at each line. With STRANGERS all scenes do, without it some, most of whose lines others look at.
@pytest.mark.usefixtures("no_coverage")
@pytest.mark.parametrize(
    ("scene", "way", "step", "scheme", "lines"),
    [
        ("warm", "soft", 1, "http", 500),
        ("first", "hard", 5, "http", 500),
        ("first", "soft", 11, "https", 500),
        ("retried", "hard", 7, "https", 1000),
        ("unread", "soft", 3, "http", 500),
        ("waiting", "hard", 5, "http", 100),
    ],
)
def test_an_exception_at_any_line_of_a_call_leaves_nothing_behind(
    scene: str, way: str, step: int, scheme: str, lines: int, tmp_path: Path
) -> None:
    report = _play(scene, way, 1 if os.environ.get("STRANGERS") else step, scheme, tmp_path)
    assert report["problems"] == []
    assert report["lines"] > lines


@pytest.mark.usefixtures("no_coverage")
@pytest.mark.parametrize(("scene", "scheme"), [("warm", "http"), ("first", "https"), ("retried", "http")])
def test_alarms_that_raise_leave_nothing_behind(scene: str, scheme: str, tmp_path: Path) -> None:
    report = _play(scene, "alarm", 400, scheme, tmp_path)
    assert report["problems"] == []
    assert report["lines"] > 10


@pytest.mark.usefixtures("no_coverage")
@pytest.mark.parametrize(
    ("scene", "step", "scheme", "lines"),
    [("warm", 3, "http", 500), ("first", 7, "https", 1000), ("waiting", 13, "http", 100)],
)
def test_a_signal_handler_makes_a_call_at_any_line_of_a_call(
    scene: str, step: int, scheme: str, lines: int, tmp_path: Path
) -> None:
    report = _play(scene, "call", 1 if os.environ.get("STRANGERS") else step, scheme, tmp_path)
    assert report["problems"] == []
    assert report["lines"] > lines
