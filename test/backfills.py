"""What imports are tested with: files of events, and the command as a process of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .delivery import Service
from .terminal import LIMIT, command, environment

__all__ = ["backfill", "line", "lines", "reasons", "reject_lines", "start", "write"]


def line(order: object = "o-1", step: object = 0, **more: object) -> str:
    """Write an event as a row."""
    event = {"_userId": "u-42", "_orderId": f"{order}", "_orderStatus": f"{step}"}
    return json.dumps(event | {f"_{name}": value for name, value in more.items()})


def lines(count: int, orders: int) -> list[str]:
    """Write events of some orders, in turns."""
    return [line(f"o-{i % orders}", i) for i in range(count)]


def write(path: Path, rows: Iterable[str]) -> Path:
    """Write rows into a file."""
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def _environment(service: Service | None, more: dict[str, str]) -> dict[str, str]:
    reached = {} if service is None else {"THIRDWATCH_HOST": service.url, "THIRDWATCH_API_KEY": "k"}
    return environment(None, reached | more)


def backfill(
    *arguments: object, service: Service | None = None, stdin: bytes = b"", cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end. Its rate has no bound, unless one is given."""
    bound = () if "--rate" in arguments or "--dry-run" in arguments else ("--rate", 0)
    done = subprocess.run(
        command("backfill", *arguments, *bound),
        check=False,
        capture_output=True,
        input=stdin,
        cwd=cwd,
        timeout=LIMIT,
        env=_environment(service, more),
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def start(*arguments: object, service: Service, cwd: Path, **options: Any) -> subprocess.Popen[Any]:
    """Start the command."""
    # What it says goes to a file: a pipe that a killed process leaves behind would stay open.
    return subprocess.Popen(
        command("backfill", *arguments),
        cwd=cwd,
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(service, {}),
        **options,
    )


def reject_lines(path: Path) -> list[str]:
    """Read the rejects of an input."""
    rejects = Path(f"{path}.rejects")
    return rejects.read_text(encoding="utf-8").splitlines() if rejects.exists() else []


def reasons(path: Path) -> list[str]:
    """Read why rows were rejected."""
    log = Path(f"{path}.rejects.log")
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []
