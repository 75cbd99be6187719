"""``manage.py thirdwatch_outbox``: list events, send dead ones again, delete them."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from .....exceptions import ApiException
from ... import outbox

__all__ = ["Command"]


class Command(BaseCommand):
    """Show what waits and what died, send the dead again, or delete them."""

    help = "Show what waits in the Thirdwatch outbox, send dead events again, or delete them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what can be done."""
        commands = parser.add_subparsers(dest="command", required=True)
        status = commands.add_parser("status", help="counts; ends with 1 where events died or wait for too long")
        status.add_argument("--max-age", type=float, default=3600, help="seconds that an event may wait")
        listing = commands.add_parser("list", help="events, without what they hold")
        listing.add_argument("state", choices=["pending", "dead"])
        listing.add_argument("--limit", type=int, default=100)
        replay = commands.add_parser("replay", help="send dead events again")
        replay.add_argument("id", type=int, nargs="*", help="all when none is named")
        purge = commands.add_parser("purge", help="delete dead events")
        purge.add_argument("--older-than", type=int, required=True, metavar="DAYS")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of it."""
        try:
            getattr(self, f"_{options['command']}")(options)
        except ApiException as error:
            raise CommandError(str(error)) from None

    def _status(self, options: Any) -> None:
        status = outbox.status()
        for name, value in status._asdict().items():
            self.stdout.write(f"{name}: {'-' if value is None else value}")
        if status.dead or (status.oldest or 0) > options["max_age"]:
            raise CommandError("events died, or wait for too long", returncode=1)

    def _list(self, options: Any) -> None:
        for event in outbox.events(options["state"], limit=options["limit"]):
            created = f"{event.created:%Y-%m-%d %H:%M:%S}"
            self.stdout.write(
                f"{event.id} {event.kind} {event.order or '-'} {created} {event.attempts} {event.error or ''}"
            )

    def _replay(self, options: Any) -> None:
        self.stdout.write(f"{outbox.replay(*options['id'])} wait again")

    def _purge(self, options: Any) -> None:
        self.stdout.write(f"{outbox.purge(older_than=timedelta(days=options['older_than']))} deleted")
