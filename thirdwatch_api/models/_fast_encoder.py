"""Fast path to JSON: two generated functions for each model, compiled on first use.

One encodes an instance, the other a dict with wire keys. They read each field once, check it and append its JSON to
a list. Anything unexpected (a subclass, a wrong type, an unknown key) raises, and the slow path in ``_encoder``
reports what is wrong.

The function for instances of OrderStatus begins like this::

    def write(source, parts):
        if type(source) is not Model:
            return write_dict(source, parts)
        start = len(parts)
        identified = False
        value = source.user_id
        if value is not None:
            parts.append(',"_userId":')
            try:
                text = quote(value)
            except TypeError:
                text = text_to_json(value)
            parts.append(text)
            if text != EMPTY:
                identified = True
        ...

In the other function, ``source.user_id`` is ``get('_userId')``.
"""

import linecache
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from ._fields import Field, Kind, field_table
from ._kinds import (
    EMPTY,
    MAX_BITS,
    RULES,
    check_milliseconds,
    float_to_json,
    integer_to_json,
    quote,
    text_to_json,
)
from ._model import Model
from .custom_info import CustomInfo

__all__ = ["encode_fast"]

_SURROGATE = r"\\ud[89a-f]"  # other characters that begin with \ud are Korean
_BACKSLASH_OR_PAIR = r"\\\\|\\ud[89ab]..\\ud[c-f].."

_Writer: TypeAlias = Callable[[Any, list[str]], None]
_writers: dict[type[Model], _Writer] = {}


def encode_fast(model: type[Model], event: object) -> str | None:
    """Return an event as JSON, or None when it has to take the slow path.

    :param event: an instance of the model, or a dict with its wire keys
    """
    parts = ["{"]
    try:
        (_writers.get(model) or _writer(model))(event, parts)
        parts.append("}")
        text = "".join(parts)
    except Exception:  # noqa: BLE001 - the slow path raises it again, with the path of the value
        return None
    # Searching for the single backslash first is much faster. The slow path reports where a lone surrogate is.
    if "\\" in text and re.search(_SURROGATE, text) and re.search(_SURROGATE, re.sub(_BACKSLASH_OR_PAIR, " ", text)):
        return None
    return text


def _writer(model: type[Model]) -> _Writer:
    """Return the function that writes the fields of an instance or a dict, without the braces."""
    if model not in _writers:
        _writers[model] = _compile(model, by_key=False)
    return _writers[model]


def _compile(model: type[Model], *, by_key: bool) -> _Writer:
    table = field_table(model)
    names: dict[str, Any] = {
        **_NAMES,
        "FIRST": {opening: opening[1:] for f in table for opening in _openings(f)},
        "KEYS": frozenset(f.wire for f in table),
        "Model": model,
        "write_dict": _dict_writer(model),
    }
    for f in table:
        if f.model and f.kind is not Kind.FREE:
            names[f"write_{f.name}"] = _list_writer(f.model) if f.kind is Kind.LIST else _writer(f.model)
    source = "\n".join(_source(table, by_key))
    file = f"<fast encoder of {'dicts for ' if by_key else ''}{model.__name__}>"
    # Debuggers and tracebacks read the source from here.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)  # noqa: S102 - made of our declarations alone
    writer: _Writer = names["write"]
    return writer


def _dict_writer(model: type[Model]) -> _Writer:
    writer: _Writer | None = None

    def write_dict(source: Any, parts: list[str]) -> None:
        nonlocal writer
        if type(source) is not dict:
            _refuse()
        writer = writer or _compile(model, by_key=True)  # not at start-up: most programs send instances only
        writer(source.copy(), parts)  # another thread may change the original meanwhile

    return write_dict


def _list_writer(model: type[Model]) -> _Writer:
    write = _writer(model)

    def write_list(values: Any, parts: list[str]) -> None:
        if type(values) is not list:
            _refuse()
        opening = "{"
        for value in values:
            parts.append(opening)
            write(value, parts)
            opening = "},{"
        parts.append("]" if opening == "{" else "}]")  # not `if values`: the list may have changed meanwhile

    return write_list


def _refuse() -> None:
    raise ValueError


_JSON_VALUES: dict[type, Callable[[Any], str]] = {
    str: quote,
    int: integer_to_json,
    bool: {True: "true", False: "false"}.__getitem__,
    float: float_to_json,
    type(None): {None: "null"}.__getitem__,
}


def _mapping(values: Any) -> str:
    if type(values) is not dict and type(values) is not CustomInfo:
        _refuse()
    pairs = dict.copy(values).items()
    return f"{{{','.join([f'{quote(key)}:{_JSON_VALUES[type(value)](value)}' for key, value in pairs])}}}"


_NAMES: dict[str, Any] = {
    "EMPTY": EMPTY,
    "MAX_BITS": MAX_BITS,
    "check_milliseconds": check_milliseconds,
    "mapping": _mapping,
    "quote": quote,
    "refuse": _refuse,
    "text_to_json": text_to_json,
}
"""What the generated functions use."""


def _source(table: tuple[Field, ...], by_key: bool) -> Iterator[str]:
    has_identity = any(f.identity for f in table)
    yield "def write(source, parts):"
    if by_key:
        yield "    if not KEYS.issuperset(source):"
        yield "        refuse()"
        yield "    get = source.get"
    else:
        yield "    if type(source) is not Model:"
        yield "        return write_dict(source, parts)"
    yield "    start = len(parts)"
    if has_identity:
        yield "    identified = False"
    for f in table:
        yield f"    value = get('{f.wire}')" if by_key else f"    value = source.{f.name}"
        if f.required:
            yield "    if value is None:"
            yield "        refuse()"
        yield "    if value is not None:"
        lines = _text_source(f) if f.kind is Kind.TEXT else RULES[f.kind].source
        yield from ("        " + line.format(*_openings(f), name=f.name) for line in lines)
    if has_identity:
        yield "    if not identified:"
        yield "        refuse()"
    yield "    if len(parts) > start:"
    yield "        parts[start] = FIRST[parts[start]]"  # remove the comma before the first key


def _openings(f: Field) -> list[str]:
    """List what the JSON of a field may open with: its key, and what belongs to the value."""
    return [f',"{f.wire}":{opening}' for opening in (RULES[f.kind].openings if f.kind is not Kind.TEXT else [""])]


def _text_source(f: Field) -> Iterator[str]:
    is_checked = f.required or f.identity or f.milliseconds
    write = "text = {}" if is_checked else "parts.append({})"
    yield "parts.append('{0}')"
    yield "try:"  # a try costs nothing when nothing is raised; checking each text's type would
    yield f"    {write.format('quote(value)')}"
    yield "except TypeError:"
    yield f"    {write.format('text_to_json(value)')}"
    if is_checked:
        yield "parts.append(text)"
    if f.required:
        yield "if text == EMPTY:"
        yield "    refuse()"
    if f.identity:
        yield "if text != EMPTY:"
        yield "    identified = True"
    if f.milliseconds:
        yield "check_milliseconds(text)"
