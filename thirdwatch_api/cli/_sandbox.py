"""``thirdwatch sandbox``: play the service on this machine."""

from __future__ import annotations

from argparse import Namespace

from ..sandbox.__main__ import add_arguments, serve
from ._exit import OK, STOPPED, CommandError
from ._output import Output
from ._parser import Parser

__all__ = ["configure", "run"]


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Play the service on this machine until Ctrl-C or SIGTERM, and print a line for each\n"
        "request. Paste the line that it prints into the shell of the program that is to talk to\n"
        "it. It needs no account; an order scores a hundredth of its amount, above 70 is red.",
        ("thirdwatch sandbox", "on a free port"),
        ("thirdwatch sandbox --port 8080 --fail 503x3", "the first three requests fail"),
        ("thirdwatch sandbox --fail 429x2:retry-after=5,cut,ok:delay=2", "one thing after the other"),
    )
    add_arguments(parser)


def run(arguments: Namespace, output: Output) -> int:
    """Serve, and say why it did not start."""
    if message := serve(arguments):
        raise CommandError(message, STOPPED)
    return OK
