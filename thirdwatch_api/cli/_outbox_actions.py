"""What ``thirdwatch outbox`` does, one function an action."""

from __future__ import annotations

import json
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from ..exceptions import OutboxCorruptException
from ..outbox import Outbox, OutboxStatus, StoredEvent, salvage
from ._exit import FAILED, OK, CommandError
from ._output import Output
from ._store import shown_place

__all__ = [
    "check_outbox",
    "create_tables",
    "list_events",
    "purge_events",
    "replay_events",
    "salvage_events",
    "show_event",
    "show_status",
]


def show_status(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Show what waits and why; the result is bad where somebody should look."""
    status = outbox.status()
    problems = _problems(status, arguments.max_age)
    output.record({**status._asdict(), "ok": not problems, "problems": problems})
    oldest = "" if status.oldest is None else f", the oldest for {_duration(status.oldest)}"
    output.line(f"waiting  {status.pending:,}{oldest}")
    output.line(f"dead     {status.dead:,}")
    output.line(f"relay    {status.leader or 'none'}")
    if status.paused_until is not None:
        output.line(f"paused   until {_time(status.paused_until)}")
    if status.reason:
        output.line(f"why      {status.reason}")
    for problem in problems:
        output.line(f"wrong    {problem}", "bad")
    return FAILED if problems else OK


def _problems(status: OutboxStatus, max_age: float) -> list[str]:
    problems: list[str] = []
    if status.dead:
        problems.append(f"{status.dead:,} dead: see `thirdwatch outbox list --state dead`, then replay or purge them")
    if status.oldest is not None and status.oldest > max_age:
        problems.append(f"an event waits for {_duration(status.oldest)}, more than {_duration(max_age)}")
    return problems


def list_events(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """List events, without what they hold."""
    states: list[Literal["dead", "pending"]] = [arguments.state] if arguments.state else ["dead", "pending"]
    events = [event for state in states for event in outbox.events(state, order=arguments.order, limit=arguments.limit)]
    for event in events:
        output.record(_fields(event))
    if events:
        output.table(["id", "state", "kind", "order", "added", "tries", "reason"], [_row(event) for event in events])
    else:
        output.note("no such event" if arguments.state or arguments.order else "the outbox is empty")
    if any(sum(event.state == state for event in events) == arguments.limit for state in states):
        output.note(f"these are the first {arguments.limit}; --limit shows more")
    return OK


def show_event(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Show one event; all that it holds only with ``--reveal``."""
    if len(arguments.ids) != 1:
        raise CommandError("which event? Name one number, as `thirdwatch outbox list` shows it")
    event = outbox.find(arguments.ids[0])
    if event is None:
        raise CommandError(f"there is no event {arguments.ids[0]}: it was sent or deleted, or never was", FAILED)
    fields = _fields(event)
    held: Any = json.loads(event.body) if arguments.reveal else repr(event.event)
    output.record({**fields, "event": held})
    for name, value in fields.items():
        if value is not None:
            output.line(f"{name:8} {_time(value) if isinstance(value, datetime) else value}")
    output.line(f"{'event':8} {json.dumps(held, ensure_ascii=False) if arguments.reveal else held}")
    return OK


def replay_events(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Let dead events wait again."""
    if bool(arguments.ids) == arguments.all:
        raise CommandError("which events? Name their numbers, or say --all")
    number = outbox.replay(*arguments.ids)
    output.record({"replayed": number})
    output.line(f"{number:,} wait again" + ("" if outbox.status().leader else "; no relay is running"))
    wanted = len(set(arguments.ids))
    if number < wanted:
        output.note(f"{wanted - number:,} of the {wanted:,} named events are not dead: they wait, or are gone")
        return FAILED
    return OK


def purge_events(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Delete dead events for good."""
    number = outbox.purge(older_than=timedelta(seconds=arguments.older_than))
    output.record({"deleted": number})
    output.line(f"{number:,} deleted")
    return OK


def check_outbox(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Look for damage."""
    try:
        problems = outbox.check()
    except OutboxCorruptException as error:
        problems = [str(error)]
    output.record({"ok": not problems, "problems": problems})
    for problem in problems:
        output.line(problem, "bad")
    if not problems:
        output.line(f"nothing is wrong with {shown_place(outbox)}", "good")
    return FAILED if problems else OK


def salvage_events(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Copy what waits in a damaged file."""
    number = salvage(arguments.damaged, outbox)
    output.record({"salvaged": number})
    output.line(f"{number:,} events of {arguments.damaged} wait in {shown_place(outbox)}")
    return OK


def create_tables(outbox: Outbox, arguments: Namespace, output: Output) -> int:
    """Make the tables, where they are missing."""
    outbox.create()
    output.record({"created": True})
    output.line(f"{shown_place(outbox)} has the tables of an outbox")
    return OK


def _fields(event: StoredEvent) -> dict[str, object]:
    names = ("id", "state", "kind", "order", "created", "attempts", "due", "since", "error")
    return {name: getattr(event, name) for name in names}


def _row(event: StoredEvent) -> list[str]:
    values = (event.id, event.state, event.kind, event.order or "-", _time(event.created), event.attempts)
    return [*map(str, values), event.error or ""]


def _time(value: datetime) -> str:
    return f"{value.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}Z"


def _duration(seconds: float) -> str:
    """Return seconds as people say them, in two units at most."""
    left = round(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"
