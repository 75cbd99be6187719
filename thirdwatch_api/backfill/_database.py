"""Rows of a database, read with SQLAlchemy as they are needed."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..models._encoder import to_text
from ._events import EventReader
from ._mapping import Layout
from ._records import BackfillError, Record

__all__ = ["Database"]

_ROWS = 500  # in memory at a time
_HARMLESS = ("InterfaceError", "OperationalError", "ProgrammingError")
"""Errors about the connection or the statement. The text of others may quote a row."""


class Database:
    """The rows of one query.

    :param database: URL or Engine
    :param query: a SELECT with ORDER BY: order within an order, and going on after a stop, depend on it
    :param kind: of the events
    :param layout: what the mapping file says
    :raises BackfillError: the query or the URL can't be used
    """

    def __init__(self, database: str | URL | Engine, query: str, kind: str | None, layout: Layout | None) -> None:
        if not re.search(r"\border\s+by\b", query, re.IGNORECASE):
            raise BackfillError("query: needs ORDER BY, so that the rows of an order keep theirs: ORDER BY id")
        self._engine = _engine(database)
        # A colon is one of the statement: it has no parameters.
        self._query = text(query.replace(":", r"\:"))
        self._kind = kind
        self._layout = layout
        self.head = b""
        self.reader = EventReader(kind, layout)

    def records(self) -> Iterator[Record]:
        """Yield all rows."""
        zone = self._layout.timezone if self._layout else None
        try:
            with self._engine.connect() as connection:
                # A server-side cursor: the rows of years do not fit into memory.
                result = connection.execution_options(yield_per=_ROWS).execute(self._query)
                columns = list(result.keys())
                if twice := sorted({name for name in columns if columns.count(name) > 1}):
                    raise BackfillError(f"query: two columns have the name {twice[0]!r}; name one of them by AS")
                self.reader = EventReader(self._kind, self._layout, columns)
                for number, row in enumerate(result, 1):
                    values = dict(zip(columns, row, strict=True))
                    yield Record("sql", number, _raw(values, zone), values)
        except SQLAlchemyError as error:
            raise _translated(error) from None
        finally:
            self._engine.dispose()

    def fraction(self) -> float | None:
        """Return None: nobody counted the rows."""
        return None


def _engine(database: str | URL | Engine) -> Engine:
    if isinstance(database, Engine):
        return database
    try:
        return create_engine(database)
    except ImportError as error:
        raise BackfillError(
            f"sql: the driver {error.name} is missing: install it, or name another one in the URL"
        ) from None
    except SQLAlchemyError:
        raise BackfillError("sql: is no URL of a database") from None  # it may hold a password


def _translated(error: SQLAlchemyError) -> BackfillError:
    name = type(error).__name__
    if isinstance(error, DBAPIError) and name in _HARMLESS:
        return BackfillError(f"sql: the database refuses: {' '.join(str(error.orig).split())}")
    return BackfillError(f"sql: the rows can't be read ({name})")


def _raw(values: Mapping[str, Any], zone: tzinfo | None) -> bytes:
    """Return a row as a line of JSON, which the same mapping file imports."""

    def plain(value: Any) -> str:
        if isinstance(value, datetime):
            value = value.replace(tzinfo=zone) if value.tzinfo is None else value
            return to_text("time", value) if value.tzinfo else value.isoformat()
        return str(value) if not isinstance(value, (bytes, memoryview)) else bytes(value).hex()

    return json.dumps(values, default=plain, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
