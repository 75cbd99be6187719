"""From a row to an event: what it is, which order it belongs to, and the JSON that is sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

from .._json import load
from ..configuration import did_you_mean
from ..exceptions import ApiValueError
from ..models._encoder import to_json
from ..outbox._kinds import Kind, find_kind, kinds_by_name
from ._mapping import Columns, Layout
from ._records import BackfillError, Record, RowError

__all__ = ["Event", "EventReader"]

_WRAPPER = frozenset(("kind", "event"))


class Event(NamedTuple):
    """An event that can be sent."""

    kind: str
    key: str
    """Events with the same key are sent one after the other: the order's number, else the customer's."""

    text: str
    """Its JSON."""

    time: object
    """When it happened, as the row says it; None where it does not."""

    def __repr__(self) -> str:
        """Show nothing personal: error trackers list the variables of frames."""
        return f"Event({self.kind})"

    @property
    def hash(self) -> int:
        """A number that spreads keys evenly, the same in every process."""
        return crc32(self.key.encode("utf-8", "surrogatepass"))


class EventReader:
    """Make events of rows.

    :param kind: name of the events that do not say what they are
    :param layout: what the mapping file says
    :param columns: the names of the columns, where the input has them
    :raises BackfillError: there is no such kind, or the mapping does not fit
    """

    def __init__(self, kind: str | None, layout: Layout | None, columns: list[str] | None = None) -> None:
        if kind and layout and layout.kind not in (None, kind):
            raise BackfillError(f"kind: {kind!r} was given, and {layout.name} says {layout.kind!r}")
        name = kind or (layout.kind if layout else None)
        self._kind = None if name is None else self._find(name)
        self._columns: Columns | None = None
        if columns is not None or (layout and layout.fields is not None):
            if self._kind is None:
                raise BackfillError(
                    'kind: is missing; name it by --kind, or by kind = "create_order" in the mapping file'
                )
            self._columns = Columns(self._kind.api.model, layout, columns)

    @staticmethod
    def _find(name: str) -> Kind:
        try:
            return find_kind({}, name)
        except ApiValueError as error:
            raise BackfillError(f"{error}{did_you_mean(name, kinds_by_name())}") from None

    def read(self, record: Record) -> Event:
        """Return the event of a row.

        :raises RowError: there is none that can be sent
        """
        if record.problem:
            raise RowError(record.problem)
        row = _load(record.raw) if record.columns is None else record.columns
        kind, event = self._kind, row
        if self._columns:
            event = self._columns.event(row)
        elif "event" in row and _WRAPPER.issuperset(row):
            kind, event = self._unwrap(row)
        if kind is None:
            raise RowError('has no kind; write {"kind": "create_order", "event": {...}}, or name it by --kind')
        try:
            text = to_json(kind.api.model, event)
        except ApiValueError as error:
            raise RowError(*(error.problems or (str(error),))) from None
        return Event(kind.name, _key(kind, event), text, event.get("_originTimestamp"))

    def _unwrap(self, row: Mapping[str, Any]) -> tuple[Kind | None, Any]:
        name = row.get("kind")
        kind = self._kind
        if name is not None:
            if not isinstance(name, str) or name not in kinds_by_name():
                # What the row says is not repeated: the file may be another one than its name promises.
                raise RowError(f"kind: is none that exists{did_you_mean(str(name), kinds_by_name())}")
            kind = find_kind({}, name)
        if not isinstance(row["event"], dict):
            raise RowError("event: is no JSON object")
        return kind, row["event"]


def _load(raw: bytes) -> dict[str, Any]:
    try:
        value = load(raw)
    except UnicodeDecodeError as error:
        raise RowError(f"is not UTF-8 at byte {error.start + 1}") from None
    except (ValueError, RecursionError) as error:
        raise RowError(f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RowError("is no JSON object")
    return value


def _key(kind: Kind, event: Mapping[str, Any]) -> str:
    """Return what an event belongs to: its order, else its customer. Whatever was checked has one of them."""
    values = (event.get(name) for name in (kind.order_key, "_userId", "_sessionId") if name)
    return next((str(value) for value in values if value is not None and value != ""), "")
