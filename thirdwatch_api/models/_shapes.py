"""The short way to JSON: events of one shape are written by one template.

The shape of a model is the types of its fields' values. Shops send few shapes, so what the careful pass of
``_encoder`` would find about one is found once: whether the types are right, which keys there are, how each value is
written. Whatever has to be looked at by its value (numbers as text, times, mappings in place of models, text that is
not ASCII) has no shape, and goes the careful way, which also words every problem.
"""

from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii as quote
from operator import itemgetter
from typing import Any, TypeAlias

from ._model import Field, Kind, Model, encoding_plan

__all__ = ["write_shape"]

_Writer: TypeAlias = Callable[[Any], str]
_Shape: TypeAlias = tuple[str, Callable[[Any], tuple[Any, ...]], tuple[_Writer, ...]]
_MAX_SHAPES = 256  # of one model; who sends more kinds than that goes the careful way
_MAX_INT = 2**63
_ALL_TEXT: tuple[_Writer, ...] = ()
_BOOLS = {True: "true", False: "false"}
_shapes: dict[type[Model], dict[tuple[type, ...], _Shape | None]] = {}


class _CarefulError(Exception):
    """A value has to be looked at."""


def write_shape(event: Model) -> str | None:
    """Write a model as JSON, or return None when it has to go the careful way."""
    try:
        text = _write(event)
    except _CarefulError:
        return None
    # The only way to write text that is not ASCII, a lone surrogate included, begins so.
    return None if "\\u" in text else text


def _write(model: Model) -> str:
    kind = type(model)
    plan, read = encoding_plan(kind)
    values = read(model)
    types = tuple(map(type, values))
    shapes = _shapes.setdefault(kind, {})
    shape = shapes.get(types) or _learn(shapes, plan, types)
    if shape is None:
        raise _CarefulError
    template, pick, writers = shape
    if writers is _ALL_TEXT:
        return template % tuple(map(quote, pick(values)))
    return template % tuple([write(value) for write, value in zip(writers, pick(values), strict=True)])


def _learn(
    shapes: dict[tuple[type, ...], _Shape | None], plan: tuple[tuple[str, Field], ...], types: tuple[type, ...]
) -> _Shape | None:
    if types in shapes or len(shapes) >= _MAX_SHAPES:
        return None
    given = [(i, opening, f, kind) for i, ((opening, f), kind) in enumerate(zip(plan, types, strict=True))]
    written = [(i, opening, _writer(f, kind)) for i, opening, f, kind in given if kind is not type(None)]
    is_complete = not any(f.required and kind is type(None) for _, _, f, kind in given)
    writers = tuple(writer for _, _, writer in written if writer)
    shape: _Shape | None = None
    if is_complete and len(writers) == len(written) > 1:  # itemgetter gives a tuple for two or more
        template = "{" + ",".join(opening + "%s" for _, opening, _ in written) + "}"
        pick = itemgetter(*(i for i, _, _ in written))
        shape = template, pick, _ALL_TEXT if set(writers) == {quote} else writers
    shapes[types] = shape
    return shape


def _writer(f: Field, given: type) -> _Writer | None:
    """Choose what writes a value of a type into a field; None when nothing can by its type alone."""
    if given is str and f.kind is Kind.TEXT and not f.milliseconds:
        return _required_text if f.required else quote
    if given is bool and f.kind is Kind.BOOL:
        return _BOOLS.__getitem__
    if given is int and f.kind is Kind.INT:
        return _integer
    if given is f.model and f.kind is Kind.MODEL:
        return _write
    if given is list and f.kind is Kind.LIST:
        return _list_of(f.model)
    if issubclass(given, dict) and f.kind is Kind.FREE:
        return _texts
    return None


def _required_text(value: str) -> str:
    if not value:
        raise _CarefulError
    return quote(value)


def _integer(value: int) -> str:
    if not -_MAX_INT < value < _MAX_INT:
        raise _CarefulError
    return repr(value)


def _list_of(model: type[Model] | None) -> _Writer:
    def write(values: list[Any]) -> str:
        for value in values:
            if type(value) is not model:
                raise _CarefulError
        return f"[{','.join([_write(value) for value in values])}]"

    return write


def _texts(values: Mapping[Any, Any]) -> str:
    parts = []
    for key, value in values.items():
        if not type(key) is type(value) is str:
            raise _CarefulError
        parts.append(f"{quote(key)}:{quote(value)}")
    return f"{{{','.join(parts)}}}"
