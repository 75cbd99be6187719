"""The page on the command line and the manual page: their commands run, and say what the pages say."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from thirdwatch_api.cli._main import COMMANDS, whole_parser
from thirdwatch_api.outbox import Outbox
from thirdwatch_api.sandbox import Sandbox

from .delivery import event
from .terminal import LIMIT, environment

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "command-line.md"
MANUAL = ROOT / "docs" / "thirdwatch.1"
SERVES = ("thirdwatch sandbox", "thirdwatch relay thirdwatch.db")
"""Commands of the page that run until they are stopped."""

needs_a_shell = pytest.mark.skipif(os.name != "posix", reason="needs a shell")


def fences() -> Iterator[tuple[str, str, str]]:
    """The console blocks of the page, each with the language and the text of the block that follows at once."""
    found = re.findall(
        r"^```(\w+)\n(.*?)^```$(\n*)(?=(?:```(\w+)\n(.*?)^```$)?)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    for language, code, _, following, text in found:
        if language == "console":
            yield code, following, text


def alike(text: str) -> str:
    """A text without what differs from run to run: ports and times."""
    text = re.sub(r"127\.0\.0\.1:\d+|port \d+", "PORT", text)
    return re.sub(r"\d+ (?:ms|min|s|h|d)(?: \d+ (?:min|s|h))?\b", "TIME", text)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a shell that knows the command, and a service."""
    script = tmp_path / "bin" / "thirdwatch"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m thirdwatch_api "$@"\n')
    script.chmod(0o755)
    with Outbox(tmp_path / "thirdwatch.db") as outbox:
        outbox.add(event(1))
        outbox.add(event(2))
    with Sandbox() as service:
        variables = environment(service)
        yield {**variables, "PATH": os.pathsep.join([str(script.parent), variables["PATH"]])}


def execute(line: str, shell: dict[str, str], folder: Path) -> str:
    """Run a line in a shell, and return what it writes on stdout."""
    with subprocess.Popen(
        ["bash", "-c", f"exec {line}" if line in SERVES else line],
        cwd=folder,
        env=shell,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if line in SERVES:
            assert process.stdout
            assert process.stderr
            (process.stderr if "relay" in line else process.stdout).readline()
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT)
    assert (process.returncode, err) == (0, "" if "relay" not in line else err), line
    return out


@needs_a_shell
def test_every_command_of_the_page_runs_and_prints_what_the_page_says(shell: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    compared = 0
    for code, language, text in fences():
        written = "".join(execute(line, shell, tmp_path) for line in code.splitlines())
        if language == "text":
            assert alike(written) == alike(text)
            compared += 1
    assert compared == 4


def test_the_page_names_every_command() -> None:
    text = PAGE.read_text()
    assert [name for name in COMMANDS if f"thirdwatch {name}" not in text] == []
    actions = whole_parser().commands["outbox"].commands
    assert [name for name in actions if f"| `thirdwatch outbox {name}" not in text] == []


def test_the_unit_of_systemd_starts_a_command_that_is_understood() -> None:
    (unit,) = re.findall(r"^```ini\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep the case of keys
    parsed.read_string(unit)
    program, *arguments = parsed["Service"]["ExecStart"].split()
    assert program.endswith("/thirdwatch")
    assert whole_parser().read(arguments).threads == 16


def test_the_manual_page_is_what_the_parsers_make() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "manual.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_manual_page_that_differs_is_named_and_written_anew(tmp_path: Path) -> None:
    script = tmp_path / "manual.py"
    shutil.copy(ROOT / "docs" / "manual.py", script)

    def write(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment(), timeout=LIMIT)

    assert write("--check").stderr == "out of date, run python docs/manual.py: docs/thirdwatch.1\n"
    assert write().returncode == 0
    assert (tmp_path / "thirdwatch.1").read_bytes() == MANUAL.read_bytes()


def test_the_manual_page_has_every_command_and_option() -> None:
    text = MANUAL.read_text().replace("\\-", "-")
    for name, command in whole_parser().commands.items():
        for parser in [command, *command.commands.values()]:
            assert f"\n.SS {parser.prog} " in text, name
            assert [o for o in parser._option_string_actions if o.startswith("--") and o not in text] == ["--help"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_page_is_good_roff() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", str(MANUAL)], check=False, capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXIT STATUS" in re.sub(r".\x08", "", done.stdout)
