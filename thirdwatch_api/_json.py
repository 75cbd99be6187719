"""Strict and lenient reading of JSON: NaN and deep nesting are refused on every Python.

Python's own parser raises RecursionError for deep JSON up to 3.13; from 3.14 on it accepts many thousand levels.
"""

import json
import math
from codecs import BOM_UTF8
from itertools import accumulate
from typing import Any, NoReturn

__all__ = ["MAX_DEPTH", "load", "load_lenient", "load_object"]

MAX_DEPTH = 100
"""How deep JSON may be nested. A value of an event may be 64 deep, and events nest a few levels themselves."""

_MOST_VALUES = 100_000  # reading many more would block other threads
_MOST_DIGITS = 10 * _MOST_VALUES
_STEPS = dict(zip(b"[{]}", (1, 1, -1, -1), strict=True))
_NO_MARKS = bytes(set(range(256)) - {*_STEPS, *b'"'})
_BLOCK = 64 * 1024


def load(data: bytes) -> Any:
    """Read JSON in UTF-8, but refuse what other parsers read differently.

    :raises ValueError: it is not JSON in UTF-8, is nested too deep, has a key twice, NaN, or a number beyond a float
    """
    _check_depth(data)
    return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def load_lenient(text: str) -> Any:
    """Read JSON. When a key is there twice, the last value wins.

    :raises ValueError: it is not JSON, is nested too deep, or holds NaN or a number beyond a float
    """
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text.encode("utf-8", "replace"))
    return _LENIENT.decode(text)


def load_object(data: bytes) -> dict[str, Any] | None:
    """Read the JSON object of a response; None when it is anything else, or larger than any of the service."""
    if len(data) > _MOST_VALUES and _has_too_many_values(data):
        return None
    try:
        value = load_lenient(data.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _has_too_many_values(data: bytes) -> bool:
    """Return whether JSON holds more values than any response of the service; much faster than parsing it."""
    bare = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > 2 * _MOST_VALUES:
        return True
    between_texts = b"".join(bare.split(b'"')[::2])
    if len(between_texts) - len(between_texts.translate(None, b"0123456789")) > _MOST_DIGITS:
        return True  # few numbers of many digits take as long to read
    return sum(map(between_texts.count, (b",", b":", b"[", b"{"))) > _MOST_VALUES


def _check_depth(data: bytes) -> None:
    """Reject JSON that is nested too deep, in linear time."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")  # each quote that is left begins or ends a text
    brackets = b"".join(bare.translate(None, _NO_MARKS).split(b'"')[::2])
    depth = 0
    for start in range(0, len(brackets), _BLOCK):  # in blocks, so that other threads can run in between
        depths = list(accumulate(map(_STEPS.__getitem__, brackets[start : start + _BLOCK]), initial=depth))
        if max(depths) > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
        depth = depths[-1]


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("an object holds the same key twice")
    return mapping


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number must be finite")
    return number


_LENIENT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
