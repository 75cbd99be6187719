"""Hints for misspelt keys and values: the known one that was probably meant."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .._lazy import load
from ._fields import Field, field_table
from ._model import Model

__all__ = ["UnknownValue", "nearest", "unknown_values"]

_MAX_LENGTH = 64  # longer texts are slow to compare, and resemble no known one


class UnknownValue(NamedTuple):
    """A value that is not one of its field's known values. It is sent as it is."""

    path: str
    """Where it is, as in ``OrderStatus.order_status`` or ``CreateOrder._items[3]._paymentType``."""
    value: str
    nearest: str | None
    """The known value that was probably meant, if there is one."""


def nearest(known: Iterable[str], text: str) -> str | None:
    """Return the known text that is most similar to another one, or None when none is similar.

    Case, underscores, dashes and blanks are ignored: ``credit card`` is ``_creditCard``.
    """
    if len(text) > _MAX_LENGTH:
        return None
    folded = {_fold(each): each for each in known}
    if _fold(text) in folded:
        return folded[_fold(text)]
    found: list[str] = load("difflib").get_close_matches(_fold(text), folded, 1)
    return folded[found[0]] if found else None


def unknown_values(event: object, model: type[Model] | None = None, path: str | None = None) -> Iterator[UnknownValue]:
    """Yield the values of an event that are not known values of their fields, at any depth.

    Fields without known values and values that are not text are left out. So are personal fields, so that the result
    needs no masking. It takes long to find the nearest known value: take no more than are shown.

    :param event: a model, or a mapping with wire keys
    :param model: the model of the mapping
    :param path: the start of the paths; default: the model's name
    """
    if model is None and isinstance(event, Model):
        model = type(event)
    if model is None or not isinstance(event, (model, Mapping)):
        return
    for f in field_table(model):
        name = f.wire if isinstance(event, Mapping) else f.name
        value = event.get(name) if isinstance(event, Mapping) else getattr(event, name, None)
        yield from _in_field(f, value, f"{path or model.__name__}.{name}")


def _in_field(f: Field, value: object, path: str) -> Iterator[UnknownValue]:
    if f.model and isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            yield from unknown_values(part, f.model, f"{path}[{i}]")
    elif f.model:
        yield from unknown_values(value, f.model, path)
    elif f.known and not f.personal and isinstance(value, str) and value and value not in f.known:
        yield UnknownValue(path, value, nearest(f.known, value))


def _fold(text: str) -> str:
    return re.sub(r"[-_\s]", "", text).casefold()
