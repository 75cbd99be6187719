"""Run a sandbox in the foreground: ``python -m thirdwatch_api.sandbox``."""

import shlex
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from threading import Event

from ..exceptions import ApiValueError
from . import Delivery, Request, Sandbox

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Serve until Ctrl-C or SIGTERM, and print a line for each request.

    :param arguments: arguments of the command line; default: those of this process
    """
    options = _parser().parse_args(arguments)
    stop = Event()

    def end(*_: object) -> None:
        stop.set()

    def report(what: Request | Delivery) -> None:
        try:
            _print(_line(what))
        except BrokenPipeError:
            stop.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    try:
        hook = None if options.quiet else report
        sandbox = Sandbox(
            options.key,
            options.port,
            client_side_validation=not options.no_validation,
            on_request=hook,
            on_postback=hook,
        )
        with sandbox:
            _print(f"The sandbox is at {sandbox.host} until Ctrl-C. In the shell of your program:")
            _print(f"export THIRDWATCH_HOST={sandbox.host} THIRDWATCH_API_KEY={shlex.quote(sandbox.api_key)}")
            stop.wait()
    except (ApiValueError, OSError) as error:
        return f"The sandbox did not start on port {options.port}: {error}"
    return None


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m thirdwatch_api.sandbox", description="Serve the API on this machine.")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; default: a free one")
    parser.add_argument("--key", default="sandbox-key", help="the API key to accept; default: %(default)s")
    parser.add_argument(
        "--no-validation", action="store_true", help="accept what client_side_validation=False sends: any JSON object"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing about requests")
    return parser


def _line(what: Request | Delivery) -> str:
    if isinstance(what, Delivery):
        return f"{what.status} {what.kind} sent to {what.url.partition('?')[0]!r} {what.error or ''}".rstrip()
    if what.event:
        return "; ".join([f"{what.status} {what.path} {what.event!r}", *what.hints])
    return f"{what.status} {what.method} {what.path!r} {what.error or ''}".rstrip()


def _print(line: str) -> None:
    """Print a line at once, in ASCII: some terminals can't show more."""
    sys.stdout.write(line.encode("ascii", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
