"""``key=value`` arguments as the JSON of an event."""

from __future__ import annotations

import json
import re
from typing import Any

from ..configuration import did_you_mean
from ..models._fields import Field, field_table
from ..models._fields import Kind as FieldKind
from ..models._model import Model
from ._exit import CommandError

__all__ = ["read_pairs"]

_MOST_ITEMS = 10_000


def read_pairs(model: type[Model], words: list[str]) -> dict[str, Any]:
    """Return the fields that arguments give, by their wire keys.

    :param words: ``key=value``, or ``key:=json``
    :raises CommandError: a key is unknown or given twice, or a value does not fit it
    """
    event: dict[str, Any] = {}
    for word in words:
        found = re.fullmatch(r"([^=]*?)(:?=)(.*)", word, re.DOTALL)
        if found is None or not found[1]:
            raise CommandError(f"expected key=value, got {word.partition('=')[0]!r}")
        key, sign, value = found.groups()
        path = re.sub(r"\[(\d+)\]", r".\1", key).split(".")
        _put(event, model, path, key, _parsed(key, value) if sign == ":=" else value)
    closed: dict[str, Any] = _close_lists(event)
    return closed


def _parsed(key: str, text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        raise CommandError(f"{key}: expected JSON behind :=; text stands behind =") from None
    return value


def _put(event: dict[str, Any], model: type[Model], path: list[str], key: str, value: object) -> None:
    """Set the value at a path. A list is a dict by its numbers, until all of it is known."""
    name, *rest = path
    field = _find(model, name, key)
    if not rest:
        _set(event, field.wire, key, _converted(field, key, value))
    elif field.kind is FieldKind.FREE:
        _put_free(_part(event, field.wire, key), rest, key, value)
    elif field.model is None:
        raise CommandError(f"{key}: {name} has no parts")
    elif field.kind is not FieldKind.LIST:
        _put(_part(event, field.wire, key), field.model, rest, key, value)
    elif not rest[0].isdecimal() or int(rest[0]) >= _MOST_ITEMS or len(rest) < 2:
        raise CommandError(f"{key}: {name} is a list; write {_first_part(name, field)}=... for its first item")
    else:
        items = event.setdefault(field.wire, _Items(key.partition(rest[0])[0].rstrip(".[")))
        if not isinstance(items, _Items):
            raise CommandError(f"{key}: is given twice")
        _put(items.setdefault(int(rest[0]), {}), field.model, rest[1:], key, value)


class _Items(dict[int, Any]):
    """The items of a list by their numbers, as they come.

    :param key: the key of the list, as it was written
    """

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key: str = key


def _part(event: dict[str, Any], wire: str, key: str) -> dict[str, Any]:
    part = event.setdefault(wire, {})
    if not isinstance(part, dict):
        raise CommandError(f"{key}: is given twice")
    return part


def _put_free(part: dict[str, Any], path: list[str], key: str, value: object) -> None:
    """Set a value in a mapping whose keys are the shop's own."""
    name, *rest = path
    if rest:
        _put_free(_part(part, name, key), rest, key, value)
    else:
        _set(part, name, key, value)


def _set(part: dict[str, Any], name: str, key: str, value: object) -> None:
    if name in part:
        raise CommandError(f"{key}: is given twice")
    part[name] = value


def _find(model: type[Model], name: str, key: str) -> Field:
    """Return a field by its name in Python or on the wire."""
    fields = {known: field for field in field_table(model) for known in (field.name, field.wire)}
    if name not in fields:
        names = [field.wire if name.startswith("_") else field.name for field in field_table(model)]
        hint = did_you_mean(name, names) or f"; there are {', '.join(names)}"
        raise CommandError(f"{key}: {model.__name__} has no field {name!r}{hint}")
    return fields[name]


def _converted(field: Field, key: str, value: object) -> object:
    """Return a text as what the field holds. JSON, and what does not fit, is judged when the event is checked."""
    if not isinstance(value, str) or field.kind is FieldKind.TEXT:
        return value
    if field.kind is FieldKind.BOOL:
        known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if value.lower() not in known:
            raise CommandError(f"{key}: expected true or false")
        return known[value.lower()]
    if field.kind is FieldKind.INT:
        try:
            return int(value)
        except ValueError:
            raise CommandError(f"{key}: expected a whole number") from None
    raise CommandError(f"{key}: has parts; write {_first_part(key, field)}=..., or {key}:= and JSON")


def _first_part(key: str, field: Field) -> str:
    """Return a key that goes into a field, as an example."""
    if field.model is None or field.kind is FieldKind.FREE:
        return f"{key}.channel"
    return f"{key}{'.0' if field.kind is FieldKind.LIST else ''}.{field_table(field.model)[0].name}"


def _close_lists(value: Any) -> Any:
    """Return a value in which the items of lists are lists."""
    if isinstance(value, _Items):
        missing = next((number for number in range(len(value)) if number not in value), None)
        if missing is not None:
            raise CommandError(f"{value.key}.{missing}: is missing; items begin with 0 and leave out no number")
        return [_close_lists(value[number]) for number in range(len(value))]
    if isinstance(value, dict):
        return {name: _close_lists(part) for name, part in value.items()}
    return value
