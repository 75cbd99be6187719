"""Outbox: it keeps events until the service took them."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from threading import Lock
from time import time
from typing import Any, get_args

from .._lazy import load
from ..exceptions import ApiTypeError, ApiValueError
from ..models._model import JsonObject, Model
from ._cipher import Cipher, check_cipher, open_body, seal_body
from ._kinds import encode_event, find_kind, order_key, slot_of
from ._records import OutboxStatus, State, StoredEvent, as_time, read_event
from ._relay import Relay
from ._store import Executor, Store
from ._trace import current_trace

__all__ = ["Outbox"]


class Outbox:
    """What keeps events until the service took them: a file, or the shop's own database.

    Any number of threads may share it. After a fork each process uses a connection of its own.

    :param store: path of a SQLite file; a SQLAlchemy Engine or URL; a DjangoStore
    :param cipher: object with ``encrypt(bytes)`` and ``decrypt(bytes)``, such as cryptography's Fernet or MultiFernet
    :param fsync: False accepts to lose the last events when the *machine* dies (never when the process does);
        SQLite only
    :param max_bytes: size above which ``add`` raises OutboxFullException; SQLite only; None for the disk's
    :raises ApiValueError: a setting makes no sense
    """

    def __init__(
        self, store: object, *, cipher: Cipher | None = None, fsync: bool = True, max_bytes: int | None = None
    ) -> None:
        check_cipher(cipher)
        self.cipher: Cipher | None = cipher
        """What encrypts the events while they wait."""
        self.executor: Executor = _executor(store, fsync, max_bytes)
        """What runs the statements."""
        self._store = Store(self.executor)
        self._relay: Relay | None = None
        self._relay_settings: dict[str, Any] = {}
        self._process = os.getpid()
        self._lock = Lock()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self, event: Model | JsonObject, via: object = None, *, kind: str | None = None, key: str | None = None
    ) -> None:
        """Accept one event: it is checked now, stored when this returns, and sent by a relay.

        :param via: the shop's own SQLAlchemy Session or Connection, or sqlite3 connection: the event is part of *its*
            transaction, and exists when that commits. Django needs none: the surrounding ``atomic`` block is the
            transaction
        :param kind: name of the event (``"create_order"``) where it is a dict
        :param key: events of one key are sent one after the other; the order number when left out, else no order is
            kept
        :raises ApiValueError: the event has problems, as for a call
        :raises OutboxException: it could not be stored
        """
        self._insert([self._row(event, kind, key)], via)

    def add_all(self, events: Iterable[Model], via: object = None) -> int:
        """Accept several events in one transaction, all or none, and return how many. It is much cheaper than one each.

        :param via: as for ``add``
        :raises ApiValueError: an event has problems, as for a call
        :raises OutboxException: they could not be stored
        """
        rows = [self._row(event, None, None) for event in events]
        if rows:
            self._insert(rows, via)
        return len(rows)

    def status(self) -> OutboxStatus:
        """Return how many events wait and are dead, and why they wait.

        :raises OutboxException: the database can't be asked
        """
        pending, dead, oldest = self._store.count()
        leader = self.executor.leader()
        now = time()
        _, _, until, reason = next(iter(self._store.pauses()), (0, 1, 0.0, None))
        if leader is None:
            reason = "no relay is running" + (f"; the last one waited: {reason}" if reason else "") if pending else None
        return OutboxStatus(
            pending=pending,
            dead=dead,
            oldest=None if oldest is None else max(0.0, now - oldest),
            leader=leader,
            paused_until=as_time(until) if until > now else None,
            reason=reason,
        )

    def events(self, state: State, *, order: str | None = None, limit: int = 100) -> list[StoredEvent]:
        """Return events, the oldest first. What they hold is not shown by ``repr``.

        :param state: ``"pending"`` or ``"dead"``
        :param order: only those of an order
        :param limit: how many at most
        :raises OutboxException: the database can't be asked
        """
        if state not in get_args(State):
            raise ApiValueError(f'state: expected "pending" or "dead", got {state!r}')
        rows = self._store.show(state, order_key(order), limit)
        return [self._stored(state, *row) for row in rows]

    def find(self, number: int) -> StoredEvent | None:
        """Return the event with a number; None where it was sent, or never was.

        :raises OutboxException: the database can't be asked
        """
        found = self._store.find(number)
        return None if found is None else self._stored("dead" if found[7] else "pending", *found)

    def show(self, kind: str, body: str) -> Model:
        """Return a stored body as the model that it is of, whose ``repr`` masks personal data.

        :raises OutboxException: it is encrypted, and the outbox has no cipher for it
        """
        return read_event(kind, open_body(body, self.cipher))

    def replay(self, *ids: int) -> int:
        """Let dead events wait again, at their old place, and return how many.

        :param ids: their numbers; all when none is named
        """
        return self._store.replay(ids)

    def purge(self, *, older_than: timedelta, state: str = "dead") -> int:
        """Delete dead events for good, and return how many.

        :param older_than: how long ago they must have been given up
        :param state: ``"dead"``; what waits is never deleted
        """
        if state != "dead":
            raise ApiValueError('state: only "dead" events can be purged; what waits is sent')
        return self._store.purge(time() - older_than.total_seconds())

    def create(self) -> None:
        """Make the tables, where they are missing. A file has them from the first event on."""
        self.executor.create()

    def check(self) -> list[str]:
        """Return what is wrong with the database, one sentence each. A file is read to its end.

        :raises OutboxException: the database can't be asked
        """
        return self.executor.check()

    def start(self, **settings: Any) -> Relay:
        """Start a relay in a thread of this process, unless one runs. It stops when the process ends.

        A forked child starts one of its own at its first event.

        :param settings: those of ``Relay``
        """
        with self._lock:
            if self._relay is None or self._process != os.getpid():
                self._relay = Relay(self, **settings)
                self._relay_settings = settings
                self._process = os.getpid()
                self._relay.run_in_thread()
                _started.add(self)
            return self._relay

    def close(self) -> None:
        """Stop the relay that ``start`` started, and close what is open. It is opened again when it is needed."""
        with self._lock:
            relay, self._relay = self._relay, None
        if relay is not None and self._process == os.getpid():
            relay.stop()
        self.executor.close()

    def _row(self, event: object, name: str | None, key: str | None) -> dict[str, Any]:
        kind = find_kind(event, name)
        text, order = encode_event(event, kind)
        stored_key = order_key(order if key is None else key)
        return {
            "kind": kind.name,
            "order_key": stored_key,
            "slot": slot_of(stored_key),
            "body": seal_body(text, self.cipher),
            "created": time(),
            "trace": current_trace(),
        }

    def _insert(self, rows: list[dict[str, Any]], via: object) -> None:
        self.executor.insert(rows, via)
        if self._relay is not None and self._process != os.getpid():
            self.start(**self._relay_settings)

    def _stored(self, state: State, number: int, kind: str, key: str | None, body: str, *rest: Any) -> StoredEvent:
        created, due, attempts, dead, error = rest
        return StoredEvent(
            id=number,
            kind=kind,
            order=key,
            created=as_time(created),
            attempts=attempts,
            state=state,
            since=as_time(dead) if dead else None,
            due=as_time(due) if due else None,
            error=error,
            _open=partial(open_body, body, self.cipher),
        )


def _executor(store: object, fsync: bool, max_bytes: int | None) -> Executor:
    if isinstance(store, (str, os.PathLike)):
        path = os.fspath(store)
        if isinstance(path, str) and "://" not in path:
            return _file(path, fsync, max_bytes)
    if not fsync or max_bytes is not None:
        raise ApiValueError("fsync, max_bytes: are for an outbox in a file; the database has settings of its own")
    if hasattr(store, "insert") and hasattr(store, "for_relay"):
        return store  # type: ignore[return-value]  # a DjangoStore
    if isinstance(store, str) or any(base.__module__.startswith("sqlalchemy.") for base in type(store).__mro__):
        return _database(store)
    raise ApiTypeError(
        f"store: expected a path, a SQLAlchemy Engine or URL, or a DjangoStore, got {type(store).__name__}"
    )


def _database(store: object) -> Executor:
    try:
        module = load("._sql", __package__)
    except ModuleNotFoundError as error:
        raise ApiValueError(f"store: {error.name} is missing: pip install thirdwatch-api[sqlalchemy]") from error
    executor: Executor = module.SqlExecutor(store)
    return executor


def _file(path: str, fsync: bool, max_bytes: int | None) -> Executor:
    if not path or path == ":memory:":
        raise ApiValueError("store: expected the path of a file; what is only in memory would be lost")
    if max_bytes is not None and max_bytes < _LEAST_BYTES:
        raise ApiValueError(f"max_bytes: must be at least {_LEAST_BYTES:,}")
    executor: Executor = load("._sqlite", __package__).SqliteExecutor(path, fsync=fsync, max_bytes=max_bytes)
    return executor


_LEAST_BYTES = 64 * 1024

_started: weakref.WeakSet[Outbox] = weakref.WeakSet()


def _stop_all() -> None:
    """Let the relays of this process end: calls under way are noted, the rest waits for the next process."""
    for outbox in list(_started):
        outbox.close()


def _forget_locks() -> None:
    """Let a forked child use its outboxes: another thread of the parent may have held their locks."""
    for outbox in list(_started):
        outbox._lock = Lock()  # noqa: SLF001 - nobody else may


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_locks)
