"""An outbox in the shop's own database, by SQLAlchemy."""

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from inspect import iscoroutine
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ..exceptions import ApiTypeError, ApiValueError, OutboxException
from ._errors import translate
from ._lease import CLOCKS, Lease, find_leader
from ._store import INSERT, Lead, Part
from .tables import metadata

__all__ = ["SqlExecutor"]

_T = TypeVar("_T")

_DRIVERS = {"postgresql": ("psycopg2", "psycopg"), "mysql": ("MySQLdb", "pymysql"), "mariadb": ("MySQLdb", "pymysql")}
"""The module that SQLAlchemy takes for a URL without a driver, and the one that most shops have by now."""


class _CutError(Exception):
    """The connection was cut, maybe long ago and while nobody used it."""

    def __init__(self, translated: OutboxException) -> None:
        super().__init__()
        self.translated = translated


class SqlExecutor:
    """Run statements on a database of SQLAlchemy. Each is a transaction of its own.

    :param store: an Engine, or its URL
    """

    def __init__(self, store: object) -> None:
        self._is_own = isinstance(store, (str, URL))
        self._engine: Engine = _engine(store)
        dialect = self._engine.dialect.name
        if dialect not in CLOCKS:
            raise ApiValueError(f"store: {dialect} is none of the databases that were tried: {', '.join(CLOCKS)}")
        self.now: str = CLOCKS[dialect]
        # A relay that is frozen within a transaction would block its successor for ever.
        self._autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        _executors.add(self)

    def read(self, statement: str, values: Mapping[str, Any] = {}) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        return self._run(lambda c: [tuple(row) for row in _execute(c, statement, values)])

    def write(self, statement: str, values: Mapping[str, Any] = {}) -> int:
        """Run one statement, and return how many rows it found."""
        return self._run(lambda c: int(_execute(c, statement, values).rowcount))

    def insert(self, rows: Sequence[Mapping[str, Any]], via: object) -> None:
        """Insert events in one transaction: that of ``via`` where it is given."""
        if via is None:
            whole = self._engine if len(rows) > 1 else self._autocommit
            self._run(lambda c: c.execute(text(INSERT), rows), whole)
            return
        connection = self._connection(via)
        try:
            if connection.dialect.name == "postgresql":
                # There, what fails would take the shop's transaction along.
                with connection.begin_nested():
                    connection.execute(text(INSERT), rows)
            else:
                connection.execute(text(INSERT), rows)
        except SQLAlchemyError as error:
            raise _translated(error) from None

    def create(self) -> None:
        """Make the tables, where they are missing."""
        self._run(metadata.create_all, self._engine)

    def lead(self, part: Part, holder: str, lease: float) -> Lead:
        """Return the means to lead a part."""
        return Lease(self, part, holder, lease)

    def for_relay(self) -> "SqlExecutor":
        """Return itself: the pool of the engine has a connection for a relay as well."""
        return self

    def leader(self) -> str | None:
        """Return who leads; None when nobody does."""
        return find_leader(self)

    def check(self) -> list[str]:
        """Return what is wrong with the database: tables that are missing."""
        try:
            for table in metadata.sorted_tables:
                self.read(f"SELECT {', '.join(table.columns.keys())} FROM {table.name} LIMIT 1")  # noqa: S608 - made of constants
        except OutboxException as error:
            return [str(error)]
        return []

    def tidy(self) -> None:
        """Do nothing: the database has its own ways."""

    def close(self) -> None:
        """Close the connections, where the engine is none of the shop's."""
        if self._is_own:
            self._engine.dispose()

    def _run(self, work: Callable[[Connection], _T], engine: Engine | None = None) -> _T:
        """Run statements, once more where the connection had been cut while nobody used it."""
        try:
            return self._try(work, engine or self._autocommit)
        except _CutError:
            self._engine.dispose()  # what else lies in the pool is cut as well
        try:
            return self._try(work, engine or self._autocommit)
        except _CutError as error:
            raise error.translated from None

    def _try(self, work: Callable[[Connection], _T], engine: Engine) -> _T:
        try:
            with engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            if getattr(error, "connection_invalidated", False):
                raise _CutError(_translated(error)) from None
            raise _translated(error) from None
        except Exception as error:
            # The driver's own: SQLAlchemy lets through what it raises when the connection is set to autocommit.
            if isinstance(error, engine.dialect.loaded_dbapi.Error):
                raise _CutError(_translated(error)) from None
            raise

    def _connection(self, via: Any) -> Connection:
        """Return the connection of the shop's transaction."""
        if hasattr(via, "connection") and callable(via.connection) and not isinstance(via, Connection):
            via = via.connection()  # of a Session, or what stands for one
        if iscoroutine(via):
            via.close()
            raise ApiTypeError(
                "via: an AsyncSession can't be used here: await session.run_sync(lambda s: outbox.add(event, s))"
            )
        if not isinstance(via, Connection):
            raise ApiTypeError(f"via: expected a SQLAlchemy Session or Connection, got {type(via).__name__}")
        theirs, ours = via.engine.url, self._engine.url
        if (theirs.get_backend_name(), theirs.database) != (ours.get_backend_name(), ours.database):
            raise ApiValueError("via: is a connection to another database than that of the outbox")
        return via

    def _forget(self) -> None:
        """Start anew in a forked child: the connections belong to the parent."""
        self._engine.dispose(close=False)


def _engine(store: object) -> Engine:
    if isinstance(store, Engine):
        return store
    if not isinstance(store, (str, URL)):
        raise ApiTypeError(f"store: expected a SQLAlchemy Engine or URL, got {type(store).__name__}; no async engine")
    try:
        url = make_url(store)
        default, other = _DRIVERS.get(url.drivername, ("", ""))
        if default and not find_spec(default) and find_spec(other):
            url = url.set(drivername=f"{url.drivername}+{other}")
        return create_engine(url)
    except (ArgumentError, ValueError):
        raise ApiValueError("store: is no URL of a database") from None  # it may hold a password
    except ImportError as error:
        raise ApiValueError(
            f"store: the driver is missing ({error}): install it, or name another one in the URL"
        ) from error


def _execute(connection: Connection, statement: str, values: Mapping[str, Any]) -> Any:
    # A statement that names events is never the same again: nothing of it should be kept.
    options: dict[str, Any] = {"compiled_cache": None} if "id IN (" in statement else {}
    return connection.execute(text(statement), values, execution_options=options)


def _translated(error: Exception) -> OutboxException:
    """Turn an error into one of ours. SQLAlchemy's own text shows the event, so only the driver's is read."""
    cause = getattr(error, "orig", None) or error
    return translate(cause, is_safe=not isinstance(cause, SQLAlchemyError))


_executors: "weakref.WeakSet[SqlExecutor]" = weakref.WeakSet()


def _forget_all() -> None:
    for executor in list(_executors):
        executor._forget()  # noqa: SLF001 - nobody else may call it


if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_all)
