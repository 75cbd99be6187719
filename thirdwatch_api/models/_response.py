"""ServiceResponse: the base of what the service sends, responses and postbacks."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from json import JSONEncoder
from typing import Any, ClassVar, TypeVar

from .._lazy import load
from ..exceptions import InvalidResponseException
from ._bases import SnakeCaseModel
from ._fields import Field, Kind, field_table
from ._model import JsonObject, Model, decode

__all__ = ["ServiceResponse"]

_R = TypeVar("_R", bound="ServiceResponse")
_LONGEST_TEXT = 10_000
_NUMBER = r"-?[0-9]{1,9}(\.[0-9]{1,9})?"


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class ServiceResponse(SnakeCaseModel):
    """A JSON object of the service. A missing key is no error, an unknown one is kept."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {}
    """JSON keys of a field that has several; the first with a value is read."""

    incomplete: ClassVar[type[InvalidResponseException]] = InvalidResponseException
    """Exception for a response without one of its ``Required`` fields."""

    additional_properties: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """All other values of the response, by their JSON keys."""

    @classmethod
    def from_dict(cls: type[_R], data: JsonObject) -> _R:
        """Build the response from its JSON; unknown keys and unreadable values go to ``additional_properties``."""
        response = cls()
        others = response.additional_properties = dict(data)
        for f in field_table(cls):
            keys = cls.json_keys.get(f.name, (f.wire,))
            for key in keys:
                if data.get(key) is not None:
                    break
            else:
                others.pop(keys[0], None)
                continue
            value = others.pop(key)
            for other in keys if isinstance(value, str) else ():  # the sandbox sends one text under two keys
                if others.get(other) == value:
                    del others[other]
            read, is_complete = _read_list(f, value) if f.kind is Kind.LIST else _read(f, value)
            setattr(response, f.name, read)
            if not is_complete:
                others[key] = value
        return response

    def missing_field(self) -> str:
        """Return the name of the first ``Required`` field without a value; an empty text when there is none."""
        for f in field_table(type(self)):
            if f.required and getattr(self, f.name) is None:
                return f.name
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by their names, and all other values of the response."""
        return self.additional_properties | Model.to_dict(self)


def _read_list(f: Field, value: object) -> tuple[list[object], bool]:
    """Return the items of a list that are objects, and whether these are all."""
    item = f._replace(kind=Kind.MODEL)
    parts = value if isinstance(value, list) else []
    read = [decode(item, part) for part in parts if isinstance(part, Mapping)]
    return read, isinstance(value, list) and len(value) == len(read)


def _read(f: Field, value: object) -> tuple[object, bool]:
    """Return a value as its field declares it, and whether it fits; None when it does not."""
    read: object = None
    if f.kind is Kind.TEXT:
        read = value if isinstance(value, str) else _text(value)
    elif f.kind is Kind.NUMBER:
        read = _number(value)
    elif f.kind is Kind.TIME:
        read = _time(value)
    elif f.kind is Kind.BOOL:
        read = value if isinstance(value, bool) else None
    elif isinstance(value, Mapping):
        read = decode(f, value)
    return read, read is not None


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
    except RecursionError:  # JSON that is just not too deep to be read may be too deep to be written
        return None
    return "".join(parts)


def _number(value: object) -> int | float | None:
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        return float(value) if "." in value else int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if isinstance(value, int) or math.isfinite(value) else None
    return None


def _time(value: object) -> datetime | None:
    """Return an ISO 8601 time; without an offset it is UTC, as all times of the service are."""
    try:
        time = load("dateutil.parser").isoparse(value) if isinstance(value, str) else None
        return time and (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
