"""What a command writes: results on stdout, notes on stderr, JSON where it is asked for."""

from __future__ import annotations

import json
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Any, TextIO

from .._lazy import load
from .._redaction import printable
from ._parser import Parser

__all__ = ["Output", "add_output_options", "set_up_log"]

_STYLES = {"good": "green", "bad": "bold red", "unsure": "yellow", "": ""}


class Output:
    """Where a command writes to.

    :param as_json: whether results are JSON, one object in a line
    :param quiet: whether notes are left out
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json: bool = as_json
        self.quiet: bool = quiet

    @property
    def draws(self) -> bool:
        """Whether rich draws on stdout: it is installed, and stdout is a terminal that can do more than lines."""
        return not self.as_json and _is_screen(sys.stdout) and find_spec("rich") is not None

    @property
    def draws_notes(self) -> bool:
        """Whether rich draws on stderr."""
        return not self.quiet and _is_screen(sys.stderr) and find_spec("rich") is not None

    def notes_console(self) -> Any:
        """Return rich's console on stderr."""
        return load("rich.console").Console(stderr=True, highlight=False, markup=False, emoji=False)

    def console(self) -> Any:
        """Return rich's console on stdout. It writes colours unless ``NO_COLOR`` is set."""
        return load("rich.console").Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def line(self, text: str, style: str = "") -> None:
        """Write one line of a result; nothing where JSON was asked for.

        :param style: ``good``, ``bad`` or ``unsure``, for the colour
        """
        if self.as_json:
            return
        if style and self.draws:
            self.console().print(printable(text), style=_STYLES[style])
        else:
            _write(sys.stdout, printable(text))

    def raw(self, line: str) -> None:
        """Write one line as it is, tabs included, for a program that reads it."""
        if not self.as_json:
            _write(sys.stdout, line)

    def record(self, values: Mapping[str, object]) -> None:
        """Write one object of a result as a line of JSON; nothing where none was asked for."""
        if self.as_json:
            _write(sys.stdout, json.dumps(values, default=_plain, ensure_ascii=True))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write a table: drawn on a terminal, else columns of text. Nothing where JSON was asked for."""
        if self.as_json:
            return
        cells = [[printable(cell) for cell in row] for row in rows]
        if self.draws:
            table = load("rich.table").Table(box=load("rich.box").SIMPLE_HEAD, pad_edge=False)
            for name in head:
                table.add_column(name, overflow="fold")  # all of it can be copied
            for row in cells:
                table.add_row(*row)
            self.console().print(table, soft_wrap=False)
            return
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        for row in [list(head), *cells]:
            _write(sys.stdout, "  ".join(map(str.ljust, row, widths)).rstrip())

    def note(self, text: str) -> None:
        """Write one line on stderr, unless the command is to be quiet."""
        if not self.quiet:
            _write(sys.stderr, printable(text))


def add_output_options(parser: Parser) -> None:
    """Add the options that every command has."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="write results as JSON, one object in a line")
    group.add_argument("--quiet", "-q", action="store_true", help="write no notes, only results and errors")
    group.add_argument("--debug", action="store_true", help="log each request on stderr, and show where an error arose")


def set_up_log(arguments: Namespace) -> None:
    """Write what the package logs on stderr, one line each."""
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger = logging.getLogger(__name__.partition(".")[0])
    logger.handlers[:] = [handler]
    quiet, debug = getattr(arguments, "quiet", False), getattr(arguments, "debug", False)
    logger.setLevel(logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO)


class _StderrHandler(logging.Handler):
    """A handler that writes to what is ``sys.stderr`` at the time: rich replaces it while it draws."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        for line in self.format(record).splitlines():
            _write(sys.stderr, printable(line))


def _is_screen(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, line: str) -> None:
    """Write a line at once. What the encoding of a stream can't show is escaped."""
    encoding = stream.encoding or "ascii"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
