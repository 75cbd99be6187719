"""Statements of an outbox on a connection of Django."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, transaction

from ...exceptions import ApiTypeError, OutboxException
from ...outbox._errors import translate
from ...outbox._lease import CLOCKS, Lease, find_leader
from ...outbox._store import INSERT, Lead, Part

__all__ = ["DjangoStore"]

_T = TypeVar("_T")
_PARAMETER = r":([a-z_]+\d*)"


class DjangoStore:
    """Run statements on Django's connection of the thread. An ``atomic`` block is the transaction.

    :param using: alias of the database
    """

    def __init__(self, using: str = "default") -> None:
        self._using = using

    @property
    def now(self) -> str:
        """The database's clock as an expression: seconds since the epoch."""
        vendor = connections[self._using].vendor
        if vendor not in CLOCKS:
            raise OutboxException(reason=f"{vendor} is none of the databases that were tried: {', '.join(CLOCKS)}")
        return CLOCKS[vendor]

    def read(self, statement: str, values: Mapping[str, Any] = {}) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        return self._run(statement, values, lambda cursor: list(cursor.fetchall()))

    def write(self, statement: str, values: Mapping[str, Any] = {}) -> int:
        """Run one statement, and return how many rows it found."""
        return self._run(statement, values, lambda cursor: int(cursor.rowcount))

    def insert(self, rows: Sequence[Mapping[str, Any]], via: object) -> None:
        """Insert events: in the ``atomic`` block around the call, else in a transaction of their own."""
        if via is not None:
            raise ApiTypeError("via: Django needs none; the atomic block around the call is the transaction")
        connection = connections[self._using]
        # On PostgreSQL, what fails would take the block along: a savepoint keeps the shop's order alive.
        if len(rows) == 1 and not (connection.in_atomic_block and connection.vendor == "postgresql"):
            self.write(INSERT, rows[0])
            return
        atomic: Any = transaction.atomic(using=self._using)
        try:
            with atomic, connection.cursor() as cursor:
                sql, names = _positional(INSERT)
                cursor.executemany(sql, [[row[name] for name in names] for row in rows])
        except (Error, ImproperlyConfigured) as error:
            raise translate(error) from None

    def create(self) -> None:
        """Refuse: the tables are a migration's."""
        raise OutboxException(reason="the tables of the outbox are made by: manage.py migrate thirdwatch")

    def lead(self, part: Part, holder: str, lease: float) -> Lead:
        """Return the means to lead a part."""
        return Lease(self, part, holder, lease)

    def for_relay(self) -> "DjangoStore":
        """Return one that a relay may close: each thread has a connection of its own."""
        return DjangoStore(self._using)

    def leader(self) -> str | None:
        """Return who leads; None when nobody does."""
        return find_leader(self)

    def check(self) -> list[str]:
        """Return what is wrong with the database: tables that are missing."""
        try:
            self.read("SELECT trace FROM thirdwatch_outbox LIMIT 1")
            self.read("SELECT reason FROM thirdwatch_relay LIMIT 1")
        except OutboxException as error:
            return [str(error)]
        return []

    def tidy(self) -> None:
        """Do nothing: the database has its own ways."""

    def close(self) -> None:
        """Close the connection of this thread, unless a transaction is under way. Django opens another."""
        if not connections[self._using].in_atomic_block:
            connections[self._using].close()

    def _run(self, statement: str, values: Mapping[str, Any], take: Callable[[Any], _T]) -> _T:
        """Run a statement, once more where the connection had been cut while nobody used it."""
        connection = connections[self._using]
        try:
            return self._execute(statement, values, take)
        except (Error, ImproperlyConfigured) as error:
            if connection.in_atomic_block or (connection.connection is not None and connection.is_usable()):
                raise translate(error) from None
            _drop(connection)
        try:
            return self._execute(statement, values, take)
        except (Error, ImproperlyConfigured) as error:
            _drop(connection)
            raise translate(error) from None

    def _execute(self, statement: str, values: Mapping[str, Any], take: Callable[[Any], _T]) -> _T:
        sql, names = _positional(statement)
        with connections[self._using].cursor() as cursor:
            cursor.execute(sql, [values[name] for name in names])
            return take(cursor)


def _drop(connection: Any) -> None:
    """Forget a connection that was cut; some drivers refuse to close it."""
    with suppress(Error):
        connection.close()


@lru_cache(maxsize=64)
def _positional(statement: str) -> tuple[str, list[str]]:
    """Write ``:name`` as ``%s``, which every backend of Django takes, and return the names in their order."""
    return re.sub(_PARAMETER, "%s", statement), re.findall(_PARAMETER, statement)
