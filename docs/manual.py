"""Write the manual page of the command ``thirdwatch``, docs/thirdwatch.1, from its parsers.

``python docs/manual.py`` writes it; with ``--check`` it fails when the page differs.
"""

import sys
from argparse import Action, ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from thirdwatch_api.cli._main import whole_parser
from thirdwatch_api.cli._parser import Parser

PAGE = Path(__file__).with_name("thirdwatch.1")

_SHARED = ("json", "quiet", "debug")
_END = """\
.SH EXIT STATUS
.TP
0
All is well.
.TP
1
The command ran, and its result is bad: an event was refused, events are dead or left, an order has no score.
.TP
2
The command line, a setting or an event is wrong. Nothing was sent.
.TP
3
The service or the database can't be used now: key, host, network. The same command may work later.
.TP
130
Ctrl-C. The commands relay and sandbox, which end in no other way, end with 0.
.TP
141
Nobody reads the output any more.
.SH ENVIRONMENT
.TP
.B THIRDWATCH_API_KEY
The API key. It is never an argument, which everybody could see by
.BR ps (1).
.TP
.B THIRDWATCH_HOST
Where the service is, when it is not the real one.
.TP
.B THIRDWATCH_OUTBOX
The outbox of the commands relay and outbox: a file, or the URL of a database.
.TP
.B NO_COLOR
Set to anything: no colours.
"""


def manual() -> str:
    """Return the page."""
    parser = whole_parser()
    parts = [
        '.\\" Made by docs/manual.py: change the parsers in thirdwatch_api/cli instead.',
        ".TH THIRDWATCH 1",
        ".SH NAME",
        "thirdwatch \\- send events to the Thirdwatch fraud\\-detection service, and look after them",
        ".SH SYNOPSIS",
        ".B thirdwatch",
        "COMMAND [options] ...",
        ".SH DESCRIPTION",
        *_text(parser.description or ""),
        ".SH COMMANDS",
    ]
    for command in _commands(parser):
        parts += _section(command)
    parts.append(".SH OPTIONS OF ALL COMMANDS")
    shared = [action for action in parser.commands["check"]._actions if action.dest in _SHARED]  # noqa: SLF001 - as below
    for action in shared:
        parts += _argument(parser, action)
    return "\n".join([*parts, _END])


def _commands(parser: Parser) -> Iterator[Parser]:
    """Yield the commands that can be run, and their groups before them."""
    for command in parser.commands.values():
        yield command
        yield from _commands(command)


def _section(parser: Parser) -> list[str]:
    usage = (parser.usage or "").replace("%(prog)s", parser.prog)
    lines = [f".SS {_escaped(usage)}", *_text(parser.description or "")]
    for action in parser._actions:  # noqa: SLF001 - argparse lists them nowhere else
        if action.dest not in ("help", "action", *_SHARED):
            lines += _argument(parser, action)
    for line, what in parser.examples:
        lines += [".PP", *([_escaped(f"{what}:")] if what else []), ".RS", ".nf", _escaped(line), ".fi", ".RE"]
    return lines


def _argument(parser: Parser, action: Action) -> list[str]:
    return [".TP", f".B {_escaped(_name(action))}", _escaped(_help(parser, action))]


def _name(action: Action) -> str:
    value = "" if action.nargs == 0 else f" {action.metavar or _choices(action)}"
    return ", ".join(action.option_strings) + value if action.option_strings else str(action.metavar)


def _choices(action: Action) -> str:
    return "|".join(action.choices) if action.choices else action.dest.upper()


def _help(parser: Parser, action: Action) -> str:
    return (action.help or "") % {"default": action.default, "prog": parser.prog}


def _text(text: str) -> list[str]:
    return [_escaped(line) for line in text.splitlines()]


def _escaped(text: str) -> str:
    """Return a text as roff shows it: no hyphens, escapes or requests of its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def main() -> str | None:
    """Write the page, or say that it differs."""
    parser = ArgumentParser("python docs/manual.py", description="Write docs/thirdwatch.1 from the parsers.")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when the page differs")
    check = parser.parse_args().check
    if check:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == manual()
        return None if same else "out of date, run python docs/manual.py: docs/thirdwatch.1"
    PAGE.write_text(manual(), encoding="utf-8", newline="\n")
    return None


if __name__ == "__main__":
    sys.exit(main())
