"""JSON to a type: a model, or one of the types that version 0.0.3 named."""

import re
from datetime import date, datetime
from typing import Any

from .._json import load_lenient
from .._lazy import load
from ..exceptions import ApiValueError
from ._model import Model

__all__ = ["convert", "deserialize"]

_MODELS = __name__.rpartition(".")[0]
_GENERIC_TYPE = r"(list\[|dict\(str, ?)(.+)[\])]"
_NATIVE_TYPES: dict[str, type] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "date": date,
    "datetime": datetime,
}


def deserialize(text: str, wanted: Any) -> Any:
    """Convert JSON to a type, or the text itself when it is not JSON.

    :param wanted: as for ``convert``
    """
    try:
        value = load_lenient(text)
    except (ValueError, RecursionError):
        value = text
    return convert(value, wanted)


def convert(value: Any, wanted: Any) -> Any:
    """Convert a JSON value to a type. A value that does not fit stays as it is.

    :param wanted: a type, or its name, for instance ``list[Item]`` or ``datetime``
    :raises ApiValueError: there is no such type, or the value is not a time
    """
    if value is None or wanted is None or wanted == "object":
        return value
    if isinstance(wanted, str):
        if found := re.fullmatch(_GENERIC_TYPE, wanted):
            return _convert_each(value, found[2])
        wanted = _NATIVE_TYPES.get(wanted) or getattr(load(_MODELS), wanted, None)
    if not isinstance(wanted, type) or hasattr(wanted, "__origin__"):  # on Python 3.10 list[int] counts as a type
        raise ApiValueError("response_type: there is no such type")
    if issubclass(wanted, Model):
        return wanted.from_dict(value) if isinstance(value, dict) else value
    if issubclass(wanted, date):
        return _time(value, wanted)
    return value if isinstance(value, wanted) else _cast(value, wanted)


def _cast(value: Any, wanted: Any) -> Any:
    try:
        return wanted(value)
    except (TypeError, ValueError, OverflowError):
        return value


def _convert_each(value: Any, wanted: str) -> Any:
    if isinstance(value, list):
        return [convert(part, wanted) for part in value]
    return {key: convert(part, wanted) for key, part in value.items()} if isinstance(value, dict) else value


def _time(value: Any, wanted: type[date]) -> date:
    try:
        time: datetime = load("dateutil.parser").isoparse(str(value))  # slow to import
    except (ValueError, OverflowError):
        raise ApiValueError("response_type: the text is no ISO 8601 time") from None
    return time if issubclass(wanted, datetime) else time.date()
