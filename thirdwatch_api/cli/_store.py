"""The outbox that a command works on: where it is, and how its events are encrypted."""

from __future__ import annotations

import os
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .._lazy import load
from ..outbox import Outbox
from ._exit import CommandError, one_line
from ._output import Output
from ._parser import Parser
from ._service import read_secret

__all__ = ["OUTBOX", "add_outbox_options", "check_file", "open_outbox", "shown_place"]

OUTBOX = "THIRDWATCH_OUTBOX"
"""The variable of the environment that says where the outbox is."""


def add_outbox_options(parser: Parser, *, positional: bool = True) -> None:
    """Add the options of commands that work on an outbox.

    :param positional: whether the place of the outbox is an argument of its own
    """
    if positional:
        parser.add_argument(
            "url",
            metavar="URL",
            nargs="?",
            help=f"a file, or the URL of the shop's database; default: ${OUTBOX}",
        )
    group = parser.add_argument_group("outbox")
    group.add_argument("--url-file", metavar="FILE", type=Path, help="file that holds the URL, if that has a password")
    group.add_argument(
        "--cipher-file",
        metavar="FILE",
        type=Path,
        help="file with the Fernet keys that encrypt events",
    )


def open_outbox(arguments: Namespace, output: Output, *, may_be_new: bool = False) -> Outbox:
    """Return the outbox that a command names. Close it, or use it with ``with``.

    :param may_be_new: whether a file that is missing is made
    """
    place = _place(arguments, output)
    if not may_be_new:
        check_file(place)
    if not _is_own(place):
        output.note(f"warning: {place} belongs to another user: what this makes beside it may lock that user out")
    return Outbox(place, cipher=_cipher(arguments.cipher_file) if arguments.cipher_file else None)


def shown_place(outbox: Outbox) -> str:
    """Return where an outbox is, without a password."""
    executor = outbox.executor
    return str(getattr(executor, "path", "")) or "the database"


def _place(arguments: Namespace, output: Output) -> str:
    given: str | None = arguments.url
    if given and arguments.url_file:
        raise CommandError("the outbox is named twice: by an argument and by --url-file")
    if given:
        if "://" in given and urlsplit(given).password:
            output.note(f"warning: `ps` shows the password in the URL to everybody: use ${OUTBOX} or --url-file")
        return given
    if arguments.url_file:
        return read_secret(arguments.url_file, "the URL of the outbox")
    place = os.environ.get(OUTBOX, "").strip()
    if not place:
        raise CommandError(f"which outbox? Name its file or URL, or set {OUTBOX} in the environment")
    return place


def check_file(place: str) -> None:
    """Refuse a file that is not there: a misspelt name would make a new outbox."""
    if "://" not in place:
        path = place
    elif place.startswith("sqlite") and urlsplit(place).path.strip("/"):
        path = unquote(urlsplit(place).path[1:])
    else:
        return
    if not Path(path).exists():
        raise CommandError(f"there is no file {path}; an outbox is made by the program that adds the first event")


def _is_own(place: str) -> bool:
    """Return whether a file belongs to the user of this process, where that can be known."""
    try:
        return not hasattr(os, "geteuid") or Path(place).stat().st_uid == os.geteuid()
    except OSError:  # a URL, or a file that is not there yet
        return True


def _cipher(path: Path) -> Any:
    """Return the cipher of a file with Fernet keys."""
    if find_spec("cryptography") is None:
        raise CommandError("--cipher-file: cryptography is missing: pip install cryptography")
    fernet = load("cryptography.fernet")
    try:
        keys = path.read_text(encoding="ascii").split()
        return fernet.MultiFernet([fernet.Fernet(key) for key in keys])
    except OSError as error:
        raise CommandError(f"can't read the keys: {one_line(error)}") from None
    except ValueError:  # the text of the error may show a key
        raise CommandError(f"{path}: expected Fernet keys, one in a line, the newest first") from None
