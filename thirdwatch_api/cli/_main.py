"""The command itself: choose what is asked for, run it, and turn its end into an exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOBase
from typing import Any

from .._lazy import load
from ..exceptions import ApiException
from ..version import __version__
from ._exit import BROKEN_PIPE, INTERRUPTED, STOPPED, USAGE, CommandError, exit_code, one_line
from ._output import Output, add_output_options, set_up_log
from ._parser import Parser

__all__ = ["COMMANDS", "main", "whole_parser"]

COMMANDS: dict[str, str] = {
    "check": "say whether this machine can send, and what is wrong if not",
    "send": "send one event",
    "score": "ask for the scores of orders",
    "outbox": "look after the events that wait to be sent",
    "backfill": "import a shop's history from files or a database",
    "relay": "send the events of an outbox, until it is stopped",
    "sandbox": "play the service on this machine, for tests",
    "completion": "print what makes a shell complete this command",
}
"""Each command, and what it does. The module of a command is imported when it is asked for: ``_check.py``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code.

    :param arguments: arguments of the command line; default: those of this process
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_missing()
    try:
        try:
            return _run(given)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return BROKEN_PIPE
    except OSError as error:  # stdout is on a full disk
        _forget_output()
        sys.stderr.write(f"thirdwatch: can't write the output: {one_line(error)}\n")
        return STOPPED
    except KeyboardInterrupt:
        return INTERRUPTED


def whole_parser() -> Parser:
    """Return the parser with the arguments of all commands, for completion and the manual."""
    return _parser(COMMANDS)


def _run(given: list[str]) -> int:
    if "_ARGCOMPLETE" in os.environ:
        load("argcomplete").autocomplete(whole_parser())
    name = next((word for word in given if not word.startswith("-")), None)
    parser = _parser([name] if name in COMMANDS else [])
    if name is None and not given:
        parser.print_help(sys.stderr)
        return USAGE
    options = parser.read(given)
    set_up_log(options)
    try:
        code: int = _module(options.command).run(options, Output(as_json=options.json, quiet=options.quiet))
    except (CommandError, ApiException) as error:
        return _report(error, options)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a person sees one line, whatever happened
        # Its text may hold what an event does.
        hidden = CommandError(f"internal error ({type(error).__name__}); --debug shows where", STOPPED)
        return _report(hidden, options, error)
    return code


def _report(error: Exception, options: Namespace, cause: Exception | None = None) -> int:
    if options.debug:
        load("traceback").print_exception(cause or error)
    sys.stderr.write(f"{options.parser.prog}: {one_line(error)}\n")
    return exit_code(error)


def _module(command: str) -> Any:
    return load(f"._{command}", __package__)


def _parser(whole: Sequence[str] | dict[str, str]) -> Parser:
    """Make the parser. Only that of a command that runs knows all its arguments."""
    parser = Parser("thirdwatch")
    parser.describe(
        "Work with the Thirdwatch fraud-detection service from the command line.",
        ("thirdwatch check", "can this machine send?"),
        ("thirdwatch sandbox", "try everything without an account"),
        ("thirdwatch send login user_id=u-42", "send one event"),
        ("thirdwatch relay /var/lib/shop/thirdwatch.db", "send what waits in an outbox"),
    )
    parser.add_argument("--version", action="version", version=f"thirdwatch {__version__}")
    for name, command in parser.add_commands(COMMANDS, "command").items():
        if name in whole:
            _module(name).configure(command)
            if not command.commands:
                add_output_options(command)
            command.finish()
    parser.finish()
    return parser


class _Nowhere(TextIOBase):
    """A stream that drops what is written."""

    def write(self, text: str, /) -> int:
        """Drop a text."""
        return len(text)


def _open_missing() -> None:
    """Write to nowhere where the shell closed a stream: ``>&-``."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, _Nowhere())


def _forget_output() -> None:
    """Let the interpreter end quietly: it would flush what nobody reads."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
