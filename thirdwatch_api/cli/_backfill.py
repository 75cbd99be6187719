"""``thirdwatch backfill``: import a shop's history."""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._lazy import load
from ..backfill import Backfill, BackfillError, BackfillResult, Finding, check
from ._bar import Bar
from ._exit import FAILED, INTERRUPTED, OK, STOPPED, CommandError
from ._output import Output
from ._parser import Parser, part, positive, rate
from ._service import add_service_options, make_client, read_secret

__all__ = ["configure", "run"]

_PASSWORD = "THIRDWATCH_SQL_PASSWORD"  # noqa: S105 - the name of the variable
_SHOWN = 20


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Send a shop's history: JSONL, CSV, or the rows of a database. Rows of an order keep\n"
        "their order. Ctrl-C stops cleanly, and the same command goes on. Exit codes: 0 all\n"
        "was sent, 1 some rows were rejected, 2 usage, 3 stopped (key, host), 130 Ctrl-C.",
        ("thirdwatch backfill orders.jsonl --kind create_order --dry-run", "check, send nothing"),
        ("thirdwatch backfill orders.csv --map orders.toml --rate 200", ""),
        ("zstdcat all.jsonl.zst | thirdwatch backfill - --checkpoint all.checkpoint", ""),
        ("thirdwatch backfill orders.jsonl --kind create_order --part 3/16", "on one of 16 hosts"),
    )
    _add_input(parser)
    _add_sending(parser)
    add_service_options(parser)


def _add_input(parser: Parser) -> None:
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="JSONL or CSV, also gzip or zstd; - for stdin")
    add("--kind", help="what rows are that do not say it: create_order")
    add("--map", metavar="FILE", type=Path, help="what the columns hold; TOML, or JSON")
    add("--format", choices=("jsonl", "csv"), help="default: by the name of the file")
    add("--sql", metavar="URL", help="database to read; its password: $" + _PASSWORD)
    add("--sql-password", metavar="FILE", type=Path, help="file that holds its password")
    add("--query", metavar="SELECT", help="what to read there, with ORDER BY")
    add("--part", type=part, default=(0, 1), metavar="I/N", help="one of N equal parts of the orders")


def _add_sending(parser: Parser) -> None:
    add = parser.add_argument
    add("--dry-run", action="store_true", help="send nothing; list what is wrong, and where")
    add("--rate", type=rate, default=50.0, metavar="N", help="rows a second at most, 0: no bound; default: 50")
    add("--threads", type=positive, default=8, metavar="N", help="default: 8; rate x seconds of a call is enough")
    add("--checkpoint", metavar="FILE", type=Path, help="how far it is; default: FILE.checkpoint")
    add("--rejects", metavar="FILE", type=Path, help="rows that can't be sent; default: FILE.rejects")


def run(arguments: Namespace, output: Output) -> int:
    """Send a history, or check it."""
    settings: dict[str, Any] = {
        "kind": arguments.kind,
        "map": arguments.map,
        "format": arguments.format,
        "part": arguments.part,
        "sql": _database(arguments),
        "query": arguments.query,
    }
    try:
        if arguments.dry_run:
            return _check(arguments, output, settings)
        return _send(arguments, output, settings)
    except BackfillError as error:
        raise CommandError(str(error)) from None


def _database(arguments: Namespace) -> Any:
    """Return the URL of the database with its password."""
    if arguments.sql is None:
        return None
    try:
        make_url: Callable[[str], Any] = load("sqlalchemy").make_url
    except ImportError:
        raise CommandError('--sql: needs SQLAlchemy: pip install "thirdwatch-api[sqlalchemy]"') from None
    try:
        url = make_url(arguments.sql)
    except Exception:  # noqa: BLE001 - the URL may hold a password
        raise CommandError("--sql: is no URL of a database; write it as in postgresql://user@host/shop") from None
    if url.password:
        raise CommandError(f"--sql: `ps` would show the password; set ${_PASSWORD}, or use --sql-password FILE")
    password = os.environ.get(_PASSWORD)
    if arguments.sql_password:
        password = read_secret(arguments.sql_password, "the password")
    return url.set(password=password) if password else url


def _check(arguments: Namespace, output: Output, settings: dict[str, Any]) -> int:
    """List what is wrong, and send nothing."""
    stopped: list[bool] = []
    warnings = 0

    def show(finding: Finding) -> None:
        nonlocal warnings
        output.record(finding._asdict())
        warnings += not finding.is_error
        if finding.is_error:
            output.line(f"{finding.place}: {finding.text}", "bad")
        elif warnings <= _SHOWN:
            output.line(f"{finding.place}: warning: {finding.text}", "unsure")

    with _ended_by_signals(lambda: stopped.append(True)):
        found = check(arguments.files, on_finding=show, is_stopped=lambda: bool(stopped), **settings)
    output.record(found._asdict())
    for kind, number in found.undated.items():
        output.line(f"warning: {number:,} rows of {kind} can't be back-dated: the service takes them for new", "unsure")
    unordered = f", {found.unordered:,} are out of order" if found.unordered else ""
    output.line(f"{found.good:,} rows can be sent, {found.bad:,} can't{unordered}; nothing was sent")
    if stopped:
        return INTERRUPTED
    return FAILED if found.bad else OK


def _send(arguments: Namespace, output: Output, settings: dict[str, Any]) -> int:
    with make_client(arguments) as client:
        backfill = Backfill(
            arguments.files,
            rate=arguments.rate,
            threads=arguments.threads,
            checkpoint=arguments.checkpoint,
            rejects=arguments.rejects,
            api_client=client,
            **settings,
        )
        bound = "at no bound" if arguments.rate is None else f"at most {arguments.rate:g} rows a second"
        output.note(f"sending {bound} (--rate), by {arguments.threads} threads (--threads)")
        if backfill.checkpoint:
            output.note(f"Ctrl-C stops cleanly; the same command goes on. checkpoint: {backfill.checkpoint}")
        else:
            output.note("without --checkpoint FILE it begins anew when it is stopped")
        bar = Bar(output, arguments.files[0] if arguments.files else "database")
        with bar, _ended_by_signals(backfill.stop):
            result = backfill.run(bar.show, bar.every)
    return _report(result, backfill, output)


def _report(result: BackfillResult, backfill: Backfill, output: Output) -> int:
    output.record(result._asdict() | {"rejects": backfill.rejects, "checkpoint": backfill.checkpoint})
    rejects = f"; they are in {backfill.rejects}, the reasons in {backfill.rejects}.log" if result.rejected else ""
    output.line(f"sent {result.sent:,}, rejected {result.rejected:,}{rejects}")
    if result.reason:
        raise CommandError(f"stopped: {result.reason}", STOPPED)
    if not result.complete:
        output.note("stopped; the same command goes on" if backfill.checkpoint else "stopped")
        return INTERRUPTED
    return FAILED if result.rejected else OK


@contextmanager
def _ended_by_signals(stop: Callable[[], object]) -> Generator[None]:
    """Stop cleanly by Ctrl-C or SIGTERM. The second one ends the process, which loses nothing."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    before = [signal.signal(number, end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
