"""The benchmark runs. Its numbers are not tested, because a machine that runs tests is busy."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "test.benchmark", *arguments]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=240)


def test_every_row_of_the_benchmark_has_a_number() -> None:
    done = benchmark("--quick", "--markdown")
    assert done.returncode == 0, done.stderr
    table = [line.strip("| ") for line in done.stdout.splitlines() if line.startswith("|")]
    medians = {cells[0].strip(): cells[3] for cells in (line.split(" | ") for line in table[2:])}
    assert len(medians) > 20
    # --quick counts no instructions; memory is read where there is /proc.
    uncounted = {what for what, median in medians.items() if median.strip() == "no counter"}
    assert {what for what in uncounted if "instructions" not in what and "memory" not in what} == set()
    assert all(re.match(r"-?\d", median) for what, median in medians.items() if what not in uncounted)


def test_the_benchmark_names_what_it_can_measure() -> None:
    done = benchmark("speed")
    assert done.returncode == 2
    assert "unknown: speed" in done.stderr
    assert "unknown" not in benchmark("--quick", "memory").stderr
