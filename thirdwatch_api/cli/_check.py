"""``thirdwatch check``."""

from argparse import Namespace

from ._exit import OK
from ._output import Output
from ._parser import Parser

__all__ = ["configure", "run"]


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe("", ("thirdwatch check", ""))


def run(arguments: Namespace, output: Output) -> int:
    """Run it."""
    return OK
