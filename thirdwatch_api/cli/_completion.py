"""``thirdwatch completion``: what makes a shell complete the command."""

from __future__ import annotations

from argparse import Namespace
from importlib.util import find_spec

from .._lazy import load
from ._exit import OK, STOPPED, CommandError
from ._output import Output
from ._parser import Parser

__all__ = ["configure", "run"]


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Print what makes a shell complete commands, options and kinds of events.\nIt needs argcomplete: "
        'pip install "thirdwatch-api[cli]"',
        ('eval "$(thirdwatch completion bash)"', "in ~/.bashrc"),
        ('eval "$(thirdwatch completion zsh)"', "in ~/.zshrc, below compinit"),
        ("thirdwatch completion fish | source", "in ~/.config/fish/config.fish"),
    )
    parser.add_argument("shell", choices=["bash", "zsh", "fish"], metavar="SHELL", help="bash, zsh or fish")


def run(arguments: Namespace, output: Output) -> int:
    """Print the code for a shell."""
    if find_spec("argcomplete") is None:
        raise CommandError('argcomplete is missing: pip install "thirdwatch-api[cli]"', STOPPED)
    code = load("argcomplete").shellcode(["thirdwatch"], shell=arguments.shell)
    output.record({"shell": arguments.shell, "code": code})
    for line in code.splitlines():
        output.raw(line)
    return OK
