"""Run a sandbox in the foreground: ``python -m thirdwatch_api.sandbox``."""

import json
import re
import shlex
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from threading import Event
from typing import Any

from ..exceptions import ApiValueError
from . import Delivery, Request, Sandbox

__all__ = ["add_arguments", "main", "read_script", "serve"]

_SCRIPT = r"(?P<what>\d{3}|ok|cut)(?:x(?P<times>\d+))?(?P<rest>(?::[a-z-]+=[0-9.]+)*)"


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Serve until Ctrl-C or SIGTERM, and print a line for each request.

    :param arguments: arguments of the command line; default: those of this process
    :return: why it did not start
    """
    parser = ArgumentParser("python -m thirdwatch_api.sandbox", description="Serve the API on this machine.")
    add_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="print nothing about requests")
    parser.set_defaults(json=False)
    return serve(parser.parse_args(arguments))


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the settings of a sandbox."""
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; default: a free one")
    parser.add_argument(
        "--key", default="sandbox-key", help="the key to accept, which is no secret; default: %(default)s"
    )
    parser.add_argument(
        "--no-validation", action="store_true", help="accept what client_side_validation=False sends: any JSON object"
    )
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        type=read_script,
        metavar="SCRIPT",
        help="what the next requests meet: 503x3, cut, 429:retry-after=2, ok:delay=5; may be repeated",
    )


def read_script(text: str) -> list[dict[str, Any]]:
    """Read what requests are to meet, as arguments of ``Sandbox.fail``.

    :param text: parts with commas between: a status, ``ok`` or ``cut``, then ``x3`` for so many requests, then
        ``:retry-after=2`` or ``:delay=0.5``
    """
    scripts: list[dict[str, Any]] = []
    for part in text.split(","):
        found = re.fullmatch(_SCRIPT, part.strip())
        settings = dict(word.split("=") for word in found["rest"].split(":")[1:]) if found else {}
        if not found or settings.keys() - {"delay", "retry-after"}:
            raise ArgumentTypeError(
                f"expected 503x3, cut, 429:retry-after=2 or ok:delay=5, with commas between, got {part!r}"
            )
        script: dict[str, Any] = {
            "status": int(found["what"]) if found["what"].isdecimal() else None,
            "times": int(found["times"] or 1),
            "cut": found["what"] == "cut",
        }
        try:
            script["delay"] = float(settings.get("delay", 0))
        except ValueError:
            raise ArgumentTypeError(f"expected seconds behind delay=, got {settings['delay']!r}") from None
        if "retry-after" in settings:
            script["headers"] = {"Retry-After": settings["retry-after"]}
        scripts.append(script)
    return scripts


def serve(options: Namespace) -> str | None:
    """Serve until Ctrl-C or SIGTERM, and return why it did not start; None when it did.

    :param options: those of ``add_arguments``; ``quiet`` and ``json``
    """
    stop = Event()

    def end(*_: object) -> None:
        stop.set()

    def report(what: Request | Delivery) -> None:
        try:
            _print(json.dumps(_fields(what)) if options.json else _line(what))
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
        for script in (script for scripts in options.fail for script in scripts):
            sandbox.fail(**script)
        with sandbox:
            _greet(sandbox, as_json=options.json)
            stop.wait()
    except (ApiValueError, OSError) as error:
        return f"The sandbox did not start on port {options.port}: {error}"
    return None


def _greet(sandbox: Sandbox, *, as_json: bool) -> None:
    """Print how a program reaches the sandbox."""
    page = sandbox.host.removesuffix("event")
    if as_json:
        _print(json.dumps({"host": sandbox.host, "api_key": sandbox.api_key, "page": page}))
        return
    _print(f"The sandbox is at {sandbox.host} until Ctrl-C, and {page} shows it. In the shell of your program:")
    _print(f"export THIRDWATCH_HOST={sandbox.host} THIRDWATCH_API_KEY={shlex.quote(sandbox.api_key)}")


def _fields(what: Request | Delivery) -> dict[str, object]:
    """Return what happened; personal data is masked, as in the line."""
    if isinstance(what, Delivery):
        url = what.url.partition("?")[0]
        return {"status": what.status, "postback": what.kind, "url": url, "error": what.error}
    event = None if what.event is None else repr(what.event)
    shown = {"status": what.status, "method": what.method, "path": what.path, "event": event, "error": what.error}
    return {**shown, "hints": list(what.hints)}


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
