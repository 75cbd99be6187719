"""``thirdwatch outbox``: look after the events that wait to be sent."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from ._exit import USAGE, CommandError
from ._outbox_actions import (
    check_outbox,
    create_tables,
    list_events,
    purge_events,
    replay_events,
    salvage_events,
    show_event,
    show_status,
)
from ._output import Output, add_output_options
from ._parser import Parser, age, positive, seconds
from ._store import add_outbox_options, check_file, open_outbox

__all__ = ["configure", "run"]

_ACTIONS = {
    "status": "say what waits, what is dead and why; 1 where somebody should look",
    "list": "list events, without what they hold",
    "show": "show one event, personal data masked",
    "replay": "let dead events be sent again",
    "purge": "delete dead events for good",
    "check": "look for damage; a file is read to its end",
    "salvage": "copy what waits in a damaged file to another outbox",
    "create": "make the tables, in a database that has none yet",
}


def configure(parser: Parser) -> None:
    """Declare the actions and their arguments."""
    parser.describe(
        "Look after an outbox: a file, or the shop's own database. Where no URL is given, it is\n"
        "that of THIRDWATCH_OUTBOX. What an event holds is never shown without --reveal.",
        ("thirdwatch outbox status thirdwatch.db", "what waits, and why"),
        ("thirdwatch outbox list thirdwatch.db --state dead", "what was given up"),
        ("thirdwatch outbox replay thirdwatch.db 17 18", "send two of them again"),
    )
    for name, action in parser.add_commands(_ACTIONS, "action").items():
        _ARGUMENTS[name](action)
        add_outbox_options(action, positional=name not in _WITH_NUMBERS)
        add_output_options(action)
        action.finish()


def run(arguments: Namespace, output: Output) -> int:
    """Do what is asked for."""
    if "words" in vars(arguments):
        arguments.url, arguments.ids = _split(arguments.words)
    if arguments.action == "salvage":
        check_file(arguments.damaged)
        if arguments.damaged == arguments.url:
            raise CommandError("the damaged file can't take its own events: name another outbox behind it", USAGE)
    with open_outbox(arguments, output, may_be_new=arguments.action in ("create", "salvage")) as outbox:
        return _RUN[arguments.action](outbox, arguments, output)


def _split(words: list[str]) -> tuple[str | None, list[int]]:
    """Split arguments into the place of the outbox and the numbers of events behind it."""
    url = words[0] if words and not words[0].isdecimal() else None
    numbers = words[url is not None :]
    wrong = next((word for word in numbers if not (word.isdecimal() and len(word) <= _DIGITS)), None)
    if wrong is not None:
        raise CommandError(f"expected the number of an event, as `thirdwatch outbox list` shows it, got {wrong!r}")
    return url, [int(number) for number in numbers]


def _status(parser: Parser) -> None:
    parser.describe(
        "Say how many events wait and are dead, who sends them, and why they wait.\n"
        "The exit code is 1 where events are dead or wait for too long, for monitors.",
        ("thirdwatch outbox status thirdwatch.db", ""),
        ("thirdwatch outbox status thirdwatch.db --max-age 5m --quiet", "for a monitor"),
        ("thirdwatch outbox status --json | jq .pending", "with THIRDWATCH_OUTBOX set"),
    )
    parser.add_argument(
        "--max-age", type=seconds, default=3600.0, metavar="TIME", help="how long an event may wait; default: 1h"
    )


def _list(parser: Parser) -> None:
    parser.describe(
        "List events, the dead first, the oldest first. What they hold is not shown.",
        ("thirdwatch outbox list thirdwatch.db", ""),
        ("thirdwatch outbox list thirdwatch.db --state dead --json", "for programs"),
        ("thirdwatch outbox list thirdwatch.db --order o-1001", "those of one order"),
    )
    parser.add_argument("--state", choices=["dead", "pending"], help="only such events")
    parser.add_argument("--order", metavar="ORDER", help="only those of an order")
    parser.add_argument(
        "--limit", type=positive, default=100, metavar="N", help="at most so many of each state; default: 100"
    )


def _show(parser: Parser) -> None:
    parser.describe(
        "Show one event. Personal data is masked: --reveal shows the JSON that is sent.",
        ("thirdwatch outbox show thirdwatch.db 17", ""),
        ("thirdwatch outbox show thirdwatch.db 17 --reveal", "personal data included"),
    )
    _add_words(parser, "ID", "number of the event, as `list` shows it")
    parser.add_argument("--reveal", action="store_true", help="show all that the event holds, personal data included")


def _replay(parser: Parser) -> None:
    parser.describe(
        "Let dead events be sent again, each at its old place: correct their cause first.",
        ("thirdwatch outbox replay thirdwatch.db 17 18", "two of them"),
        ("thirdwatch outbox replay thirdwatch.db --all", "all that are dead"),
    )
    _add_words(parser, "ID ...", "numbers of events, as `list` shows them")
    parser.add_argument("--all", action="store_true", help="all dead events")


def _purge(parser: Parser) -> None:
    parser.describe(
        "Delete dead events for good. What waits is never deleted.",
        ("thirdwatch outbox purge thirdwatch.db --older-than 30d", "what died more than 30 days ago"),
    )
    parser.add_argument(
        "--older-than", type=age, required=True, metavar="TIME", help="how long ago they were given up: 30d, 12h"
    )


def _check(parser: Parser) -> None:
    parser.describe(
        "Look for damage, missing tables and network file systems. The exit code is 1 where\n"
        "something is wrong. A large file takes a while.",
        ("thirdwatch outbox check thirdwatch.db", ""),
    )


def _salvage(parser: Parser) -> None:
    parser.describe(
        "Copy the events that wait in a damaged file to another outbox. Stop what uses the file\n"
        "first, and keep its -wal file beside it. The damaged file is not changed.",
        ("thirdwatch outbox salvage damaged.db thirdwatch-new.db", ""),
    )
    parser.add_argument("damaged", metavar="DAMAGED", help="the damaged file")


def _create(parser: Parser) -> None:
    parser.describe(
        "Make the tables of an outbox in the shop's database, where they are missing.\n"
        "Django and Alembic do it by their migrations; a file has them from the first event on.",
        ("thirdwatch outbox create sqlite:///shop.db", ""),
    )


def _add_words(parser: Parser, name: str, what: str) -> None:
    """Add a list of words, the first of which may be the place of the outbox."""
    parser.add_argument(
        "words", metavar=f"[URL] {name}", nargs="*", help=f"a file or URL; default: $THIRDWATCH_OUTBOX; then {what}"
    )


_DIGITS = 18  # what every database can hold
_WITH_NUMBERS = ("show", "replay")
_ARGUMENTS: dict[str, Callable[[Parser], None]] = {
    "status": _status,
    "list": _list,
    "show": _show,
    "replay": _replay,
    "purge": _purge,
    "check": _check,
    "salvage": _salvage,
    "create": _create,
}
_RUN = {
    "status": show_status,
    "list": list_events,
    "show": show_event,
    "replay": replay_events,
    "purge": purge_events,
    "check": check_outbox,
    "salvage": salvage_events,
    "create": create_tables,
}
