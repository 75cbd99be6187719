"""What a backfill shows while it runs: at a terminal, and where there is none."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from thirdwatch_api.backfill import Backfill, BackfillProgress
from thirdwatch_api.cli._bar import Bar
from thirdwatch_api.cli._output import Output

from .backfills import backfill, line, lines, start, write
from .delivery import Service
from .servers import eventually
from .terminal import at_terminal, command, environment

KIND = ("--kind", "order_status")


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


def reaching(service: Service) -> dict[str, str]:
    return {"THIRDWATCH_HOST": service.url, "THIRDWATCH_API_KEY": "k"}


def test_at_a_terminal_there_is_a_bar_and_ctrl_c_stops_cleanly(tmp_path: Path, service: Service) -> None:
    pytest.importorskip("rich")
    write(tmp_path / "orders.jsonl", [*lines(400, 20), "{"])
    arguments = ("backfill", "orders.jsonl", *KIND, "--rate", 100)
    with at_terminal(*arguments, cwd=tmp_path, variables=reaching(service)) as screen:
        screen.wait_for(lambda text: re.search(r"orders\.jsonl\s+\S+\s+\d+%\s+\d+ rows", text))
        screen.type("\x03")
        assert screen.end() == 130
        assert "stopped; the same command goes on" in screen.text
    sent = len(service.taken)
    assert 0 < sent < 400
    with at_terminal(*arguments[:-1], 0, cwd=tmp_path, variables=reaching(service)) as screen:
        assert screen.end() == 1
    assert "sent 400, rejected 1; they are in orders.jsonl.rejects" in screen.text
    assert (len(service.taken), service.twice) == (400, 0)


def test_at_a_terminal_it_says_why_it_waits(tmp_path: Path, service: Service) -> None:
    pytest.importorskip("rich")
    write(tmp_path / "orders.jsonl", lines(5, 5))
    service.decide = lambda event: (429, {"Retry-After": "30"})
    with at_terminal("backfill", "orders.jsonl", *KIND, cwd=tmp_path, variables=reaching(service)) as screen:
        screen.wait_for(lambda text: re.search(r"waiting \d+ s", text))
        screen.type("\x03")
        assert screen.end() == 130
    assert "\x1b[" in screen.raw


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(tmp_path: Path, service: Service, more: dict[str, str]) -> None:
    write(tmp_path / "orders.jsonl", [line(), "{"])
    for arguments in (("--rate", 0), ("--dry-run",)):
        with at_terminal(
            "backfill", "orders.jsonl", *KIND, *arguments, cwd=tmp_path, variables=reaching(service) | more
        ) as screen:
            assert screen.end() == 1
        assert not re.search(r"\x1b\[[0-9;]*[1-9][0-9]*m", re.sub(r"\x1b\[(0|1|2)?m", "", screen.raw))


def test_without_a_terminal_it_writes_plain_lines(tmp_path: Path, service: Service) -> None:
    write(tmp_path / "orders.jsonl", [*lines(50, 5), "{"])
    done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.returncode == 1
    first, second, *reports = done.stderr.splitlines()
    assert first == "sending at no bound (--rate), by 8 threads (--threads)"
    assert second == "Ctrl-C stops cleanly; the same command goes on. checkpoint: orders.jsonl.checkpoint"
    assert reports[-1].startswith("100%  51 rows")
    assert reports[-1].endswith("rejected 1")
    assert "\x1b" not in done.stderr + done.stdout


def test_quiet_and_json(tmp_path: Path, service: Service) -> None:
    write(tmp_path / "orders.jsonl", [*lines(50, 5), "{"])
    done = backfill("orders.jsonl", *KIND, "--quiet", "--json", service=service, cwd=tmp_path)
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "sent": 50,
        "rejected": 1,
        "complete": True,
        "reason": None,
        "rejects": "orders.jsonl.rejects",
        "checkpoint": "orders.jsonl.checkpoint",
    }


def test_ctrl_c_ends_a_dry_run_and_says_what_it_found(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("backfill", "-", *KIND, "--dry-run"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"{\n" + line().encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith(b"stdin:1: is not JSON")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate()
    assert process.returncode == 130
    assert b"1 can't" in rest


def test_a_second_signal_ends_it_at_once(tmp_path: Path, service: Service) -> None:
    write(tmp_path / "orders.jsonl", lines(50, 5))
    service.decide = lambda event: lambda peer: peer.stall()
    process = start("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    eventually(lambda: service.calls)
    process.terminate()
    with pytest.raises(Exception, match="timed out"):
        process.wait(0.5)  # it waits for the calls that are under way
    process.terminate()
    assert process.wait() == -15


def test_the_key_is_missed_before_anything_is_read(tmp_path: Path) -> None:
    done = backfill("none.jsonl", *KIND, cwd=tmp_path)
    assert done.returncode == 2
    assert "no API key" in done.stderr


class Lines(Output):
    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def progress(now: int, seconds: float, fraction: float | None, reason: str | None = None) -> BackfillProgress:
    return BackfillProgress(now, 3, 0, now, seconds, fraction, 12.0 if reason else 0.0, reason)


def test_the_rate_and_the_time_left_are_those_of_the_last_reports() -> None:
    output = Lines()
    bar = Bar(output, "orders.jsonl")
    with bar:
        bar.show(progress(0, 0.0, 0.0))
        bar.show(progress(1000, 10.0, 0.1))
        bar.show(progress(2000, 20.0, 0.2, "(429) Too Many Requests"))
        bar.show(progress(3000, 30.0, 0.001))
        bar.show(progress(4000, 40.0, None))
    assert output.notes == [
        "0%  3 rows  0 rows/s  rejected 3",
        "10%  1,003 rows  100 rows/s  left 1:30  rejected 3",
        "20%  2,003 rows  100 rows/s  left 1:20  rejected 3  waiting 12 s: (429) Too Many Requests",
        "0%  3,003 rows  100 rows/s  left 8:19:30  rejected 3",
        "4,003 rows  100 rows/s  rejected 3",
    ]


def test_before_it_runs_there_is_no_progress(tmp_path: Path) -> None:
    importer = Backfill(write(tmp_path / "orders.jsonl", lines(1, 1)), kind="order_status")
    assert importer.progress() == BackfillProgress(0, 0, 0, 0, 0.0, None, 0.0, None)
    importer.stop()
    assert importer.run() == (0, 0, False, None)
