"""Fast path to JSON: for each model two generated functions, compiled when they are first needed.

One encodes an instance, the other a dict with wire keys. They read each field once, and in one pass check it and
append its JSON to a list. Anything unexpected (a subclass, a wrong type, an unknown key) raises, and the slow path
in ``_encoder`` reports what is wrong.

The function for instances of OrderStatus begins so::

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

from ._model import Field, Kind, Model, field_table
from ._scalars import check_milliseconds, float_to_json, integer_to_json, quote, text_to_json
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
    except Exception:  # noqa: BLE001 - the slow path meets it as well, and says where
        return None
    # To look for one character first is much faster. The slow path says where a surrogate stands that has no pair.
    if "\\" in text and re.search(_SURROGATE, text) and re.search(_SURROGATE, re.sub(_BACKSLASH_OR_PAIR, " ", text)):
        return None
    return text


def _writer(model: type[Model]) -> _Writer:
    """Return the function that writes the fields of a model, without the braces, from an instance or a dict."""
    if model not in _writers:
        _writers[model] = _compile(model, by_key=False)
    return _writers[model]


def _compile(model: type[Model], *, by_key: bool) -> _Writer:
    table = field_table(model)
    names: dict[str, Any] = {
        **_NAMES,
        "KEYS": frozenset(f.wire for f in table),
        "Model": model,
        "write_dict": _dict_writer(model),
    }
    names["FIRST"] = {opening: opening[1:] for f in table for opening in _openings(f)}
    for f in table:
        if f.model and f.kind is Kind.MODEL:
            names[f"write_{f.name}"] = _writer(f.model)
        elif f.model and f.kind is Kind.LIST:
            names[f"write_{f.name}"] = _list_writer(f.model)
    source = "\n".join(_source(table, by_key))
    file = f"<fast encoder of {'dicts for ' if by_key else ''}{model.__name__}>"
    linecache.cache[file] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        file,
    )  # debuggers and tracebacks look here
    exec(compile(source, file, "exec"), names)  # noqa: S102 - it is made of declarations
    writer: _Writer = names["write"]
    return writer


def _dict_writer(model: type[Model]) -> _Writer:
    writer: _Writer | None = None

    def write_dict(source: Any, parts: list[str]) -> None:
        nonlocal writer
        if type(source) is not dict:
            _refuse()
        writer = writer or _compile(model, by_key=True)  # most shops send models alone
        writer(source.copy(), parts)  # another thread may change it meanwhile

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
        parts.append("]" if opening == "{" else "}]")  # the list may have changed meanwhile

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
    "EMPTY": '""',
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
        yield from _field_source(f)
    if has_identity:
        yield "    if not identified:"
        yield "        refuse()"
    yield "    if len(parts) > start:"
    yield "        parts[start] = FIRST[parts[start]]"  # each key brings a comma, and the first one must not


def _openings(f: Field) -> list[str]:
    """List what the JSON of a field may open with."""
    key = f',"{f.wire}":'
    if f.kind is Kind.BOOL:
        return [f"{key}true", f"{key}false"]
    return [key + {Kind.MODEL: "{", Kind.LIST: "["}.get(f.kind, "")]


def _field_source(f: Field) -> Iterator[str]:
    opening, *more = _openings(f)
    if f.required:
        yield "    if value is None:"
        yield "        refuse()"
    yield "    if value is not None:"
    if f.kind is Kind.BOOL:
        yield f"        parts.append('{opening}' if value is True else '{more[0]}' if value is False else refuse())"
        return
    yield f"        parts.append('{opening}')"
    if f.kind is Kind.TEXT:
        yield from _text_source(f)
    elif f.kind is Kind.INT:
        yield "        parts.append(repr(value) if type(value) is int and -(1 << 63) < value < 1 << 63 else refuse())"
    elif f.kind is Kind.FREE:
        yield "        parts.append(mapping(value))"
    elif f.model:
        yield f"        write_{f.name}(value, parts)"
        if f.kind is Kind.MODEL:
            yield "        parts.append('}')"
    else:
        yield "        refuse()"  # only responses hold other kinds


def _text_source(f: Field) -> Iterator[str]:
    looks = f.required or f.identity or f.milliseconds
    write = "text = {}" if looks else "parts.append({})"
    yield "        try:"  # which costs nothing, and to ask for the type of each text does
    yield f"            {write.format('quote(value)')}"
    yield "        except TypeError:"
    yield f"            {write.format('text_to_json(value)')}"
    if looks:
        yield "        parts.append(text)"
    if f.required:
        yield "        if text == EMPTY:"
        yield "            refuse()"
    if f.identity:
        yield "        if text != EMPTY:"
        yield "            identified = True"
    if f.milliseconds:
        yield "        check_milliseconds(text)"
