"""``manage.py thirdwatch_relay``: send what is in the outbox, until SIGTERM or Ctrl-C."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from .....exceptions import ApiException
from .....outbox import Relay
from ... import outbox

__all__ = ["Command"]


class Command(BaseCommand):
    """Send events. Start it as often as you like: one leads, the others stand by."""

    help = "Send the events of the Thirdwatch outbox. Start it as often as you like: one leads, the others stand by."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the settings of a relay."""
        parser.add_argument(
            "--threads", type=int, default=8, help="events on their way at a time; default: %(default)s"
        )
        parser.add_argument("--rate", type=float, help="events per second at most; default: no bound")
        parser.add_argument("--part", default="0/1", metavar="I/N", help="send one of N equal parts of the orders")
        parser.add_argument("--lease", type=float, default=30, help="seconds until a silent leader is replaced")
        parser.add_argument("--until-empty", action="store_true", help="end when no event waits")
        parser.add_argument("--seconds", type=float, help="end after so many")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run a relay."""
        index, _, count = options["part"].partition("/")
        if not (index.isdecimal() and count.isdecimal()):
            raise CommandError("--part: expected I/N, such as 0/4")
        settings = {name: options[name] for name in ("threads", "rate", "lease")}
        try:
            relay = Relay(outbox, part=(int(index), int(count)), **settings)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: relay.stop())
            outbox.status()  # without tables, the relay would wait for them
            result = relay.run(until_empty=options["until_empty"], seconds=options["seconds"])
        except ApiException as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"sent {result.sent}, dead {result.dead}, left {result.left}")
