"""The short way to JSON: for each model one function, compiled from its declaration when it is first sent.

The function reads each field once, and in one pass checks it and appends its JSON to a list. It knows what correct
events are made of. Whatever else it meets (a mapping in place of a model, a subclass, a wrong type) is left to the
careful way of ``_encoder``, which also words every problem.

That of OrderStatus begins so::

    def write(model, parts):
        if type(model) is not Model:
            refuse()
        start = len(parts)
        value = model.user_id
        if value is not None:
            parts.append(',"_userId":')
            try:
                parts.append(quote(value))
            except TypeError:
                parts.append(number_as_text(value))
        ...
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from ._model import Field, Kind, Model, field_table
from ._scalars import check_milliseconds, float_to_json, integer_to_json, number_as_text, quote

__all__ = ["encode_fast"]

_SURROGATE = r"\\ud[89a-f]"  # other characters that begin with \ud are Korean

_Writer: TypeAlias = Callable[[Any, list[str]], None]
_encoders: dict[type[Model], _Writer] = {}


def encode_fast(event: Model) -> str | None:
    """Write a model as JSON, or return None when it has to go the careful way."""
    parts: list[str] = []
    try:
        _writer(type(event))(event, parts)
    except Exception:  # noqa: BLE001 - the careful way meets it as well, and says where
        return None
    text = "".join(parts)
    # Only the slow path checks that surrogates are paired. To look for one character first is much faster.
    return None if "\\" in text and re.search(_SURROGATE, text) else text


def _writer(model: type[Model]) -> _Writer:
    if model not in _encoders:
        _encoders[model] = _compile(model)
    return _encoders[model]


def _compile(model: type[Model]) -> _Writer:
    table = field_table(model)
    names: dict[str, Any] = {**_NAMES, "Model": model}
    names["FIRST"] = {f',"{f.wire}":': f'{{"{f.wire}":' for f in table}
    for f in table:
        if f.model and f.kind in (Kind.MODEL, Kind.LIST):
            names[f"write_{f.name}"] = _writer(f.model) if f.kind is Kind.MODEL else _list_writer(f.model)
    source = "\n".join([*_HEAD, *(line for f in table for line in _lines(f)), *_END])
    exec(compile(source, f"<writer of {model.__name__}>", "exec"), names)  # noqa: S102 - it is made of declarations
    writer: _Writer = names["write"]
    return writer


def _refuse() -> None:
    raise ValueError


def _milliseconds(value: Any) -> str:
    return check_milliseconds(quote(value) if type(value) is str else _number_as_text(value))


def _number_as_text(value: Any) -> str:
    if type(value) is bool:
        _refuse()
    return number_as_text(value)


_FREE_VALUES: dict[type, Callable[[Any], str]] = {
    str: quote,
    int: integer_to_json,
    bool: {True: "true", False: "false"}.__getitem__,
    float: float_to_json,
    type(None): {None: "null"}.__getitem__,
}


def _mapping(values: Any) -> str:
    if not isinstance(values, dict):
        _refuse()
    return f"{{{','.join([f'{quote(key)}:{_FREE_VALUES[type(value)](value)}' for key, value in values.items()])}}}"


def _list_writer(model: type[Model]) -> _Writer:
    write = _writer(model)

    def write_list(values: Any, parts: list[str]) -> None:
        if type(values) is not list:
            _refuse()
        opening = "["
        for value in values:
            parts.append(opening)
            write(value, parts)
            opening = ","
        parts.append("[]" if opening == "[" else "]")  # the list may have changed meanwhile

    return write_list


_NAMES: dict[str, Any] = {
    "mapping": _mapping,
    "milliseconds": _milliseconds,
    "number_as_text": _number_as_text,
    "quote": quote,
    "refuse": _refuse,
}
"""What the compiled functions use."""

_HEAD = [
    "def write(model, parts):",
    "    if type(model) is not Model:",
    "        refuse()",
    "    start = len(parts)",
]
_END = [
    "    if len(parts) == start:",
    "        parts.append('{')",
    "    else:",
    "        parts[start] = FIRST[parts[start]]",  # each key brings a comma, and the first one must not
    "    parts.append('}')",
]
_VALUES = {
    Kind.BOOL: "'true' if value is True else 'false' if value is False else refuse()",
    Kind.INT: "repr(value) if type(value) is int and -(1 << 63) < value < 1 << 63 else refuse()",
    Kind.FREE: "mapping(value)",
    Kind.NUMBER: "refuse()",  # only answers hold these two
    Kind.TIME: "refuse()",
}


def _lines(f: Field) -> Iterator[str]:
    """Write the lines for one field."""
    yield f"    value = model.{f.name}"
    if f.required:
        yield "    if value is None or value == '':"
        yield "        refuse()"
    yield "    if value is not None:"
    yield f"        parts.append(',\"{f.wire}\":')"
    if f.milliseconds:
        yield "        parts.append(milliseconds(value))"
    elif f.kind is Kind.TEXT:
        yield "        try:"  # which costs nothing, and to ask for the type of each text does
        yield "            parts.append(quote(value))"
        yield "        except TypeError:"
        yield "            parts.append(number_as_text(value))"
    elif f.kind in _VALUES:
        yield f"        parts.append({_VALUES[f.kind]})"
    else:
        yield f"        write_{f.name}(value, parts)"
