"""The command ``thirdwatch`` as a process of its own, with a terminal and without."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import thirdwatch_api
from thirdwatch_api.sandbox import Sandbox

__all__ = ["LIMIT", "command", "environment", "run"]

LIMIT = 60  # seconds after which a command counts as hung; it never takes that long otherwise

_OWN = re.compile(
    r"THIRDWATCH_.*|.*_PROXY|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|TERM|_ARC.*|_ARGCOMPLETE.*", re.IGNORECASE
)


def environment(service: Sandbox | None = None, **more: str) -> dict[str, str]:
    """The environment of a command: of the variables that it reads only those that are given."""
    kept = {name: value for name, value in os.environ.items() if not _OWN.fullmatch(name)}
    reached = {} if service is None else {"THIRDWATCH_HOST": service.host, "THIRDWATCH_API_KEY": service.api_key}
    package = str(Path(thirdwatch_api.__file__).parents[1])
    return kept | {"PYTHONPATH": package, "COLUMNS": "80"} | reached | more


def command(*arguments: object) -> list[str]:
    """The command, with warnings as errors."""
    return [sys.executable, "-W", "error", "-m", "thirdwatch_api", *map(str, arguments)]


def run(
    *arguments: object,
    service: Sandbox | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    **more: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, without a terminal.

    :param service: what it calls, where it calls anything
    :param more: further variables of its environment
    """
    return subprocess.run(
        command(*arguments),
        check=False,
        capture_output=True,
        text=True,
        input=stdin,
        cwd=cwd,
        timeout=LIMIT,
        env=environment(service, **more),
    )
