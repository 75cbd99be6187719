"""Answer: what the models of the service's answers share."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from json import JSONEncoder
from typing import Any, ClassVar, TypeVar

from .._lazy import load
from ..exceptions import InvalidResponseException
from ._model import Field, JsonObject, Kind, Model, decode, field_table
from ._plain import Plain

__all__ = ["Answer"]

_A = TypeVar("_A", bound="Answer")
_LONGEST_TEXT = 10_000
_NUMBER = r"-?[0-9]{1,9}(\.[0-9]{1,9})?"


@dataclass(init=False, repr=False, eq=False, slots=True)  # nobody makes one
class Answer(Plain):
    """An answer of the service: a missing key never fails, an unknown one is kept."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {}
    """JSON keys that a field is read from, when there are several; the first that holds something wins."""

    incomplete: ClassVar[type[InvalidResponseException]] = InvalidResponseException
    """What is raised about a response without one of its ``Needed`` fields."""

    additional_properties: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Whatever else the answer held, by its JSON key."""

    @classmethod
    def from_dict(cls: type[_A], data: JsonObject) -> _A:
        """Build the answer from its JSON; what it does not know or understand goes to ``additional_properties``."""
        answer = cls()
        answer.additional_properties = dict(data)
        for f in field_table(cls):
            keys = cls.json_keys.get(f.name, (f.wire,))
            key = next((key for key in keys if data.get(key) is not None), keys[0])
            value = answer.additional_properties.pop(key, None)
            if value is None:
                continue
            for other in keys if isinstance(value, str) else ():  # the sandbox has the same text under two keys
                if answer.additional_properties.get(other) == value:
                    del answer.additional_properties[other]
            if f.kind is Kind.LIST:
                read: Any = _items(f, value)
                understood = isinstance(value, list) and len(value) == len(read)
            else:
                read = _read(f, value)
                understood = read is not None
            setattr(answer, f.name, read)
            if not understood:
                answer.additional_properties[key] = value
        return answer

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by their names, and whatever else the answer held."""
        return self.additional_properties | Model.to_dict(self)


def _items(f: Field, value: object) -> list[object]:
    item = f._replace(kind=Kind.MODEL)
    return [decode(item, part) for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _read(f: Field, value: object) -> object:
    """Read a value; None when it does not fit its declaration."""
    if f.kind is Kind.TEXT:
        return value if isinstance(value, str) else _text(value)
    if f.kind is Kind.NUMBER:
        return _number(value)
    if f.kind is Kind.TIME:
        return _time(value)
    if f.kind is Kind.BOOL:
        return value if isinstance(value, bool) else None
    return decode(f, value) if isinstance(value, Mapping) else None


def _text(value: object) -> str | None:
    """Write JSON as a text; None when it is longer than anybody reads, which is found without writing all of it."""
    parts: list[str] = []
    size = 0
    try:
        for part in JSONEncoder().iterencode(value):
            parts.append(part)
            size += len(part)
            if size > _LONGEST_TEXT:
                return None
    except RecursionError:  # what the decoder could just read may be too deep for the encoder
        return None
    return "".join(parts)


def _number(value: object) -> int | float | None:
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        return float(value) if "." in value else int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if isinstance(value, int) or math.isfinite(value) else None
    return None


def _time(value: object) -> datetime | None:
    """Read an ISO 8601 time; without an offset it is UTC, as all times of the service are."""
    try:
        time = load(".._times", __package__).isoparse(value) if isinstance(value, str) else None
        return time and (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
