"""Run programs in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

__all__ = ["HANG", "run_script"]

HANG = 60  # seconds after which a script counts as hung; it never takes that long otherwise


def run_script(script: str, *args: str, warnings: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program that forks or exits, with warnings as errors."""
    options = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"] if warnings else []
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(script), *args],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
