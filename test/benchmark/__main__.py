"""Measure, and print a table: ``python -m test.benchmark [--quick] [--markdown] [GROUP...]``."""

import os
import platform
import sys
from argparse import ArgumentParser
from importlib.metadata import version
from importlib.util import find_spec

from .backfill import backfill
from .outbox import outbox
from .rows import GROUPS, Row, Scale
from .servers import plain_server

_GROUPS = {**GROUPS, "backfill": backfill, "outbox": outbox}
_FULL = Scale(rounds=25, calls=400, many_calls=100_000, bursts=100, starts=25, counts_instructions=True, mebibytes=1024)
_QUICK = Scale(rounds=2, calls=40, many_calls=40, bursts=1, starts=1, counts_instructions=False, mebibytes=4)
_HEADER = ("what", "must", "aim", "median", "quartiles", "goal", "")


def _versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in ("urllib3", "requests", "httpx") if find_spec(name))


def _print(rows: list[Row], *, markdown: bool) -> None:
    lines = [_HEADER, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if markdown:
        lines.insert(1, tuple("-" * width for width in widths))
    for line in lines:
        text = (" | " if markdown else "  ").join(map(str.ljust, line, widths))
        print(f"| {text} |" if markdown else text.rstrip())


def main() -> None:
    """Run what the command line asks for."""
    parser = ArgumentParser(prog="python -m test.benchmark", description="Ratios are against a call of bare urllib3.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"what to measure: {', '.join(_GROUPS)}; else all")
    parser.add_argument("--quick", action="store_true", help="only show that it runs: the numbers mean nothing")
    parser.add_argument("--mib", type=int, metavar="N", help="size of the file that backfill imports; default: 1024")
    parser.add_argument("--markdown", action="store_true", help="print the table for a page")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(_GROUPS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    scale = _QUICK if options.quick else _FULL
    scale = scale._replace(mebibytes=options.mib or scale.mebibytes)
    rows: list[Row] = []
    with plain_server() as server:
        for name in options.groups or _GROUPS:
            for row in _GROUPS[name](server, scale):
                rows.append(row)
                print(*filter(None, row.cells), sep="  ", file=sys.stderr, flush=True)
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {_versions()}\n")
    _print(rows, markdown=options.markdown)


if __name__ == "__main__":
    main()
