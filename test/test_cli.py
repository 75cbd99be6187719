"""The command: how it starts, parses, ends, and what it never shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from thirdwatch_api.cli._main import COMMANDS

from .terminal import run

each_command = pytest.mark.parametrize("name", COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_command_the_help_names_all_of_them(arguments: list[str]) -> None:
    done = run(*arguments)
    shown = done.stdout if arguments else done.stderr
    assert done.returncode == (0 if arguments else 2)
    for name, what in COMMANDS.items():
        assert f"  {name} " in shown or f"  {name}\n" in shown
        assert what in shown


@each_command
def test_the_help_of_a_command_fits_a_screen_and_ends_with_examples(name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 100
    examples = done.stdout.partition("\nexamples:\n")[2]
    assert "thirdwatch " in examples


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek"], "thirdwatch: there is no command 'chek'; did you mean 'check'?; see thirdwatch --help\n"),
        (["zzz"], "thirdwatch: there is no command 'zzz'; there are "),
        (["--version", "--x"], None),
        (["--x"], "thirdwatch: unknown argument --x; see"),
        (["relay", "--tread", "4"], "thirdwatch relay: unknown argument --tread; did you mean '--threads'?"),
        (["--json", "relay", "x.db"], "thirdwatch relay: unknown argument --json: it goes behind 'thirdwatch relay'"),
        (["relay", "--threads", "0"], "thirdwatch relay: argument --threads: expected a whole number above 0, got '0'"),
        (["relay", "--threads", "x"], "thirdwatch relay: argument --threads: expected a whole number above 0, got 'x'"),
        (["relay", "--rate", "-1"], "thirdwatch relay: argument --rate: expected events per second, or 0 for no bound"),
        (["relay", "--part", "4/4"], "thirdwatch relay: argument --part: expected I/N, from 0/4 to 3/4"),
        (["relay", "--seconds", "2w"], "thirdwatch relay: argument --seconds: expected seconds, or a time such as 90s"),
        (["completion", "csh"], "thirdwatch completion: argument SHELL: invalid choice: 'csh'"),
    ],
)
def test_a_wrong_argument_is_one_line_that_says_what_to_write(arguments: list[str], said: str | None) -> None:
    done = run(*arguments)
    if said is None:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_the_package_is_a_command_as_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "thirdwatch_api", "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("thirdwatch 1.")


def test_the_help_starts_fast_because_it_imports_no_part_that_it_does_not_need() -> None:
    program = "import sys; from thirdwatch_api.cli import main; main([])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    slow = {"sqlite3", "rich", "argcomplete", "thirdwatch_api.outbox", "thirdwatch_api.sandbox", "thirdwatch_api.apis"}
    assert loaded & slow == set()
    assert not [name for name in loaded if name.startswith("thirdwatch_api.models.")]


def test_an_import_of_the_package_imports_nothing_of_the_command() -> None:
    program = "import sys, thirdwatch_api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not [name for name in done.stdout.split() if name.startswith("thirdwatch_api.cli") or name == "argparse"]
