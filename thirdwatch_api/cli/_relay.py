"""``thirdwatch relay``: send what is in an outbox, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from ..outbox import Relay, StoredEvent
from ._exit import FAILED, OK
from ._output import Output
from ._parser import Parser, part, positive, rate, seconds
from ._screen import Screen
from ._service import add_service_options, make_client
from ._store import add_outbox_options, open_outbox, shown_place

__all__ = ["configure", "run"]

_AGAIN = 0.05  # seconds between two attempts to stop


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Send the events of an outbox in the order of each order's events. Start it as often as\n"
        "you like: one leads, the others stand by. SIGTERM or Ctrl-C ends it, after the calls\n"
        "that are under way; a second one ends it at once.",
        ("thirdwatch relay /var/lib/shop/thirdwatch.db", "an outbox in a file"),
        ("thirdwatch relay postgresql://localhost/shop --threads 64", "in the shop's database"),
        ("THIRDWATCH_OUTBOX=thirdwatch.db thirdwatch relay --until-empty", "for cron"),
    )
    add_outbox_options(parser)
    parser.add_argument(
        "--threads", type=positive, default=8, metavar="N", help="events on their way at a time; default: %(default)s"
    )
    parser.add_argument("--rate", type=rate, metavar="N", help="events per second at most; default: no bound")
    parser.add_argument(
        "--part", type=part, default=(0, 1), metavar="I/N", help="send one of N equal parts of the orders: 0/4 to 3/4"
    )
    parser.add_argument(
        "--lease",
        type=seconds,
        default=30.0,
        metavar="TIME",
        help="time after which a silent leader is replaced; default: 30s",
    )
    parser.add_argument("--until-empty", action="store_true", help="end when no event waits; 1 where some are left")
    parser.add_argument("--seconds", type=seconds, metavar="TIME", help="end after that time: 90s, 5m, 2h")
    add_service_options(parser)


def run(arguments: Namespace, output: Output) -> int:
    """Run a relay."""
    with make_client(arguments) as client, open_outbox(arguments, output, may_be_new=True) as outbox:
        screen = Screen(output, outbox)

        def given_up(event: StoredEvent) -> None:
            screen.dead += 1
            output.note(f"gave up event {event.id} ({event.kind}, order {event.order or '-'}): {event.error}")

        relay = Relay(
            outbox,
            threads=arguments.threads,
            rate=arguments.rate,
            part=arguments.part,
            lease=arguments.lease,
            on_sent=screen.count,
            on_dead=given_up,
            api_client=client,
        )
        waiting = outbox.status().pending
        with _ended_by_signals(relay), screen:
            output.note(f"relay of {shown_place(outbox)}: {waiting:,} events wait; Ctrl-C or SIGTERM ends it")
            result = relay.run(until_empty=arguments.until_empty, seconds=arguments.seconds)
    output.record(result._asdict())
    left = "unknown" if result.left < 0 else f"{result.left:,}"
    output.line(f"sent {result.sent:,}, dead {result.dead:,}, left {left}")
    return FAILED if arguments.until_empty and result.left else OK


@contextmanager
def _ended_by_signals(relay: Relay) -> Generator[None]:
    """End a relay by Ctrl-C or SIGTERM. The second one ends the process."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    asked, ended = Event(), Event()

    def end(number: int, _: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        asked.set()

    def stop() -> None:
        """Stop the relay, again and again: before it runs, nothing can be stopped."""
        asked.wait()
        while not ended.wait(_AGAIN):
            relay.stop(_AGAIN)

    before = [signal.signal(number, end) for number in numbers]
    stopper = Thread(target=stop, name="thirdwatch-stop", daemon=True)
    stopper.start()
    try:
        yield
    finally:
        ended.set()
        asked.set()
        stopper.join()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
