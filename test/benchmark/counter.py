"""Count the instructions that one call executes, which does not depend on what else the machine does."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .clients import CLIENTS
from .encodings import ENCODINGS
from .servers import Server

__all__ = ["Counter", "find_counter"]

_ROOT = Path(__file__).parents[2]
_FEW, _MANY = 100, 600


class Counter(NamedTuple):
    """A program that counts the instructions of another one."""

    name: str
    command: list[str]
    output: re.Pattern[str]
    """Where its output has the number."""

    def per_call(self, names: Iterable[str], server: Server) -> dict[str, float]:
        """Count the instructions of a call of each client, or of one encoding.

        Each runs in a process of its own, twice, with few calls and with many: what start-up takes drops out.
        """
        runs = [(name, calls) for name in names for calls in (_FEW, _MANY)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            totals = pool.map(lambda run: self.total("-m", __name__, run[0], str(run[1]), *map(str, server[:3])), runs)
            counts = dict(zip(runs, totals, strict=True))
        return {name: (counts[name, _MANY] - counts[name, _FEW]) / (_MANY - _FEW) for name, _ in runs}

    def total(self, *arguments: str) -> int:
        """Count the instructions of Python with these arguments."""
        program = [sys.executable, *arguments]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            [*self.command, *program], check=False, cwd=_ROOT, env=environment, capture_output=True, text=True
        )
        found = self.output.search(done.stderr)
        if done.returncode or not found:
            raise RuntimeError(f"{self.name}: {done.stderr[-1000:]}")
        return int(found[1])


_COUNTERS = [
    Counter("perf", ["perf", "stat", "-x,", "-e", "instructions:u"], re.compile(r"^(\d+),,instructions", re.MULTILINE)),
    Counter(
        "callgrind",
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"],
        re.compile(r"Collected *: *(\d+)"),
    ),
]


def find_counter() -> Counter | None:
    """Find a counter that works here: virtual machines often hide that of the processor."""
    for counter in _COUNTERS:
        if shutil.which(counter.command[0]):
            done = subprocess.run([*counter.command, "true"], check=False, capture_output=True, text=True)
            if counter.output.search(done.stderr):
                return counter
    return None


def _run(name: str, calls: int, server: Server) -> None:
    def repeat(call: Callable[[], object]) -> None:
        for _ in range(calls):
            call()

    if name in ENCODINGS:
        repeat(ENCODINGS[name])
    else:
        with CLIENTS[name](server) as call:
            repeat(call)


if __name__ == "__main__":
    _run(sys.argv[1], int(sys.argv[2]), Server(sys.argv[3], sys.argv[4], int(sys.argv[5])))
