"""JSON without what readers disagree about: the same key twice, NaN, numbers beyond a float."""

import json
import math
from typing import Any, NoReturn

__all__ = ["load"]


def load(data: bytes) -> Any:
    """Read JSON in UTF-8.

    :raises ValueError: it is none, or holds what one reader takes and another does not
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("an object holds the same key twice")
    return mapping


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"it knows no {name}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number must be finite")
    return number
