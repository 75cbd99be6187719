"""Run the tests that reach a line against each change of it, and report the changes that none of them noticed."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import coverage

from .mutants import mutants

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "dist")
TIME_OUT = 300  # seconds: a mutant may make a test wait for ever
PYTEST = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "--tb=no"]


def python(copy: Path, *arguments: str) -> bool:
    """Run Python in the copy, and return whether it succeeded in time."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, cwd=copy, env={**variables, "CI": "1"}, check=False, capture_output=True, timeout=TIME_OUT
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


class Tests:
    """The test files, how long each takes, and which lines of the package each reaches."""

    def __init__(self, copy: Path) -> None:
        self.seconds: dict[str, float] = {}
        data_file = copy / ".coverage"
        for file in sorted(copy.glob("test/test_*.py")):
            name = file.relative_to(copy).as_posix()
            started = time.perf_counter()
            # A context for each file, and not for each test: servers' threads and subprocesses count as well.
            if not python(copy, "-m", "coverage", "run", "--parallel-mode", f"--context={name}", *PYTEST, name):
                sys.exit(f"{name} fails without a mutant")
            self.seconds[name] = time.perf_counter() - started
            print(f"{self.seconds[name]:6.1f} s  {name}", file=sys.stderr)
        combined = coverage.Coverage(data_file=str(data_file), config_file=str(copy / "pyproject.toml"))
        combined.combine([str(copy)])
        self._data = combined.get_data()

    def reaching(self, module: str) -> dict[int, list[str]]:
        """List the test files that reach each line, the fastest first."""
        found: dict[int, list[str]] = defaultdict(list)
        for measured in self._data.measured_files():
            if measured.endswith(module):
                for line, files in self._data.contexts_by_lineno(measured).items():
                    found[line] += [file for file in files if file in self.seconds]
        return {line: sorted(set(files), key=self.seconds.__getitem__) for line, files in found.items()}


def nearest(reaching: dict[int, list[str]], line: int) -> list[str]:
    """Find the tests of the statement that a line belongs to: the measured lines are where statements begin."""
    return next((reaching[number] for number in range(line, 0, -1) if reaching.get(number)), [])


def survivors(copy: Path, module: str, tests: Tests, sample: int | None) -> list[str]:
    """Report the mutants of a module that no test notices."""
    path = copy / module
    original = path.read_text(encoding="utf-8")
    reaching = tests.reaching(module)
    every = list(mutants(original))
    chosen = every if sample is None else sorted(random.Random(0).sample(every, min(sample, len(every))))
    found: list[str] = []
    for number, mutant in enumerate(chosen, 1):
        path.write_text(mutant.source, encoding="utf-8")
        files = nearest(reaching, mutant.line)
        survived = not files or python(copy, *PYTEST, *files)
        path.write_text(original, encoding="utf-8")
        if survived:
            found.append(f"{module}:{mutant.line}: {mutant.change}")
        print(f"{number} of {len(chosen)}, {len(found)} survived", end="\r", file=sys.stderr)
    return [*found, f"{module}: {len(chosen) - len(found)} of {len(chosen)} were noticed"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m test.mutation", description=__doc__)
    parser.add_argument("modules", nargs="+", help="paths of modules, such as thirdwatch_api/rest/_pool.py")
    parser.add_argument("--sample", type=int, help="how many mutants of each module to try; all when it is left out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        tests = Tests(copy)
        for module in arguments.modules:
            print(*survivors(copy, module, tests, arguments.sample), sep="\n", flush=True)


if __name__ == "__main__":
    main()
