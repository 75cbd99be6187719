"""The parser of the command line: errors of one line, help of one screen with examples."""

from __future__ import annotations

import sys
from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from textwrap import fill
from typing import Any, NoReturn

from ..configuration import did_you_mean
from ._exit import USAGE, one_line

__all__ = ["Parser", "age", "part", "positive", "rate", "seconds", "unknown_word"]

_COLUMNS = 79  # of the smallest terminal, but one


class Parser(ArgumentParser):
    """A parser whose errors are one line, and name the nearest command or option."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.formatter_class = RawDescriptionHelpFormatter
        self.allow_abbrev = False
        self.examples: Sequence[tuple[str, str]] = ()
        """Commands that work as they stand, and what each does."""
        self.commands: dict[str, Parser] = {}
        """The parsers of its commands, where it has some."""

    def describe(self, text: str, *examples: tuple[str, str]) -> None:
        """Set what the help says above and below the arguments.

        :param text: what the command does
        :param examples: pairs of a command and what it does
        """
        self.description = fill(" ".join(text.split()), _COLUMNS)
        self.examples = examples
        self.epilog = "\n".join(["examples:", *_lines(examples)])

    def add_commands(self, commands: Mapping[str, str], dest: str) -> dict[str, Parser]:
        """Add commands, and return the parser of each.

        :param commands: what each does
        :param dest: the attribute that holds the name of the chosen one
        """
        kind = dest.upper()
        adding = self.add_subparsers(dest=dest, metavar=kind, title=f"{dest}s", required=True, prog=self.prog)
        for name, what in commands.items():
            command = self.commands[name] = adding.add_parser(name, help=what)
            command.set_defaults(parser=command, json=False, quiet=False, debug=False)
        return self.commands

    def _check_value(self, action: Action, value: Any) -> None:
        """Name the nearest choice where there is no such one."""
        if action.choices is not None and value not in action.choices:
            raise ArgumentError(action, unknown_word(str(value), action.choices))

    def finish(self) -> None:
        """Shorten the usage, once all arguments are declared: the list of options follows anyway."""
        words = [self._word(action) for action in self._get_positional_actions()]
        self.usage = " ".join(["%(prog)s", "[options]", *words])

    @staticmethod
    def _word(action: Action) -> str:
        """Return how often an argument may stand, as usage lines write it."""
        name = str(action.metavar)
        many = {
            "*": name if name.startswith("[") else f"[{name} ...]",
            "+": f"{name} ...",
            "?": f"[{name}]",
            "A...": f"{name} ...",
        }
        return many.get(str(action.nargs), name)

    def error(self, message: str) -> NoReturn:
        """Write one line on stderr, and end with 2."""
        sys.stderr.write(f"{self.prog}: {one_line(ValueError(message))}; see {self.prog} --help\n")
        raise SystemExit(USAGE)

    def read(self, given: Sequence[str]) -> Namespace:
        """Parse, and name the nearest option where one is unknown."""
        arguments, rest = self.parse_known_args(given)
        parser: Parser = getattr(arguments, "parser", None) or self
        if "words" in vars(arguments):  # argparse takes no words behind an option that follows other words
            arguments.words += [word for word in rest if not word.startswith("-")]
            rest = [word for word in rest if word.startswith("-")]
        if rest:
            parser.error(f"unknown argument {rest[0]}{parser.advice(rest[0])}")
        return arguments

    def advice(self, unknown: str) -> str:
        """Return the end of a message about an argument that is not known."""
        name = unknown.partition("=")[0]
        if not name.startswith("-"):
            return ""
        options = [option for action in self._actions for option in action.option_strings]
        return f": it goes behind {self.prog!r}" if name in options else did_you_mean(name, options)


def _lines(examples: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of examples: what they do stands beside them where there is room, else below."""
    fitting = (command for command, what in examples if what and len(command) + len(what) + 4 <= _COLUMNS)
    width = max(map(len, fitting), default=0)
    for command, what in examples:
        line = f"  {command:{width}}  {what}".rstrip()
        yield from [line] if len(line) <= _COLUMNS or not what else [f"  {command}", f"      {what}"]


def unknown_word(given: str, known: Iterable[str]) -> str:
    """Return why a word is none of the known ones."""
    names = list(known)
    return f"there is no {given!r}{did_you_mean(given, names) or '; there are ' + ', '.join(names)}"


def _number(text: str, kind: Callable[[str], float], what: str, *, least: float, above: bool = False) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or value < least or (above and value == least):
        raise ArgumentTypeError(f"expected {what}, got {text!r}")
    return value


def positive(text: str) -> int:
    """Read a whole number above zero."""
    number: int = _number(text, int, "a whole number above 0", least=1)
    return number


def seconds(text: str) -> float:
    """Read seconds: ``90``, ``1.5``, ``5m``, ``2h``, ``30d``."""
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:])
    number: float = _number(text[:-1] if unit else text, float, "seconds, or a time such as 90s, 5m, 2h, 30d", least=0)
    return number * (unit or 1)


def age(text: str) -> float:
    """Read a time with its unit, where a number alone could be misread: ``30d``."""
    if text[-1:].isdecimal():
        raise ArgumentTypeError(f"expected a time with its unit, such as {text}d or {text}h, got {text!r}")
    return seconds(text)


def rate(text: str) -> float | None:
    """Read events per second; 0 stands for no bound."""
    number: float = _number(text, float, "events per second, or 0 for no bound", least=0)
    return number or None


def part(text: str) -> tuple[int, int]:
    """Read ``I/N``: one of so many equal parts."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise ArgumentTypeError(f"expected I/N, from 0/4 to 3/4 for four parts, got {text!r}")
    return int(index), int(count)
