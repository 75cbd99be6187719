"""Rules of the wire: which values a field takes, and how each is written. Both encoders read them here.

Methods are called on the class (``Decimal.adjusted(value)``): a subclass may override them, and the override could
write JSON outside of its field.
"""

import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii as quote
from operator import index
from typing import Any, NamedTuple, SupportsIndex

from ._fields import Field, Kind

__all__ = [
    "EMPTY",
    "MAX_BITS",
    "RULES",
    "EncodingError",
    "Rule",
    "advice",
    "check_milliseconds",
    "float_to_json",
    "integer_to_json",
    "is_integer",
    "is_missing",
    "quote",
    "string_to_json",
    "text_to_json",
    "type_name",
]

EMPTY = '""'
"""JSON of an empty text, which counts as missing: for a required field, and for the identity."""

MAX_BITS = 1024  # far above any money or id; str() of an int of 4,300 digits would raise

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = r"\d{10}(\.\d*)?"

_BOOLEANS = ("bool", "bool_")  # Python's, and numpy's under both of its names
_LAZY_TEXTS = {
    "babel.support": "LazyProxy",
    "django.utils.functional": "Promise",
    "flask_babel.speaklater": "LazyString",
    "speaklater": "_LazyString",
}
"""Classes of lazily translated text, by their module. These modules are never imported from here."""


class EncodingError(Exception):
    """A value that can't be encoded. The message gives the reason, and never the value."""


class Rule(NamedTuple):
    """What fields of one kind take, once for each encoder."""

    fits: Callable[[Field, object], bool]
    """Slow path: whether the field takes the value."""

    openings: tuple[str, ...]
    """Fast path: what the JSON may open with. It is written together with the key, which saves a step."""

    source: tuple[str, ...]
    """Fast path: lines of Python that write ``value``, or raise by ``refuse()``. It may refuse what fits: the slow path
    writes that. ``{0}`` is the key with the first opening, ``{name}`` the name of the field."""


_UNSENT = Rule(lambda _f, _value: False, ("",), ("refuse()",))

RULES: dict[Kind, Rule] = {
    Kind.BOOL: Rule(
        lambda _, value: isinstance(value, bool),
        ("true", "false"),
        ("parts.append('{0}' if value is True else '{1}' if value is False else refuse())",),
    ),
    Kind.INT: Rule(
        lambda _, value: is_integer(value),
        ("",),
        (
            "parts.append('{0}')",
            "parts.append(repr(value) if type(value) is int and value.bit_length() <= MAX_BITS else refuse())",
        ),
    ),
    Kind.FREE: Rule(
        lambda _, value: isinstance(value, Mapping),
        ("",),
        ("parts.append('{0}')", "parts.append(mapping(value))"),
    ),
    Kind.MODEL: Rule(
        lambda f, value: isinstance(value, Mapping) or bool(f.model and isinstance(value, f.model)),
        ("{",),
        ("parts.append('{0}')", "write_{name}(value, parts)", "parts.append('}}')"),
    ),
    Kind.LIST: Rule(
        lambda _, value: isinstance(value, (list, tuple)),
        ("[",),
        ("parts.append('{0}')", "write_{name}(value, parts)"),
    ),
    Kind.NUMBER: _UNSENT,  # only responses hold these two
    Kind.TIME: _UNSENT,
}
"""The rules of all kinds but text, whose rule is ``text_to_json``."""


def text_to_json(value: Any) -> str | None:
    """Return the JSON text of a value for a text field, or None when such a field does not take its type.

    :raises EncodingError: it is NaN, a time without a time zone, or too large
    """
    kind = type(value)
    if issubclass(kind, str):
        return string_to_json(value)
    if kind.__name__ in _BOOLEANS:
        return None
    if issubclass(kind, int):
        return f'"{integer_to_json(value)}"'
    if issubclass(kind, (float, Decimal)):
        return _decimal_to_json(value)
    if issubclass(kind, datetime):
        return _time_to_json(value)
    if issubclass(kind, _loaded("uuid", "UUID")):
        return quote(_loaded("uuid", "UUID").__str__(value))
    # isinstance sees through Django's SimpleLazyObject: its __class__ is that of the text behind it.
    if isinstance(value, str) or any(issubclass(kind, _loaded(*names)) for names in _LAZY_TEXTS.items()):
        return string_to_json(str(value))
    return f'"{integer_to_json(value)}"' if is_integer(value) else None


def is_missing(value: object) -> bool:
    """Return whether a value counts as missing: None and the empty text do."""
    try:
        return value is None or text_to_json(value) == EMPTY
    except Exception:  # noqa: BLE001 - the value is there, and the encoder reports what is wrong with it
        return False


def _loaded(module: str, name: str) -> Any:
    """Return a class if its module was imported, else (). Without the import, no instance of it can exist."""
    return getattr(sys.modules.get(module), name, ())


def string_to_json(value: str) -> str:
    """Return a str as JSON text.

    :raises EncodingError: it contains a lone surrogate
    """
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise EncodingError("contains a lone surrogate, which can't be sent as JSON") from None
    return quote(value)


def _decimal_to_json(value: float | Decimal) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(float.__repr__(value))
    if not Decimal.is_finite(exact) or abs(Decimal.adjusted(exact)) > MAX_BITS:
        raise EncodingError(f"a {type(value).__name__} must be finite, with an exponent of at most {MAX_BITS}")
    return f'"{Decimal.__format__(exact, "f")}"'


def _time_to_json(value: datetime) -> str:
    if value != value:  # noqa: PLR0124 - only NaT, the missing time of pandas, differs from itself
        raise EncodingError("NaT is not a time; leave the field out")
    if datetime.utcoffset(value) is None:
        raise EncodingError("a datetime needs a time zone: datetime.now(timezone.utc)")
    return f'"{datetime.__sub__(value, _EPOCH) // _MILLISECOND}"'


def is_integer(value: object) -> bool:
    """Return whether a value is an integer: an int, numpy's, or anything with ``__index__``. Booleans are not."""
    if not hasattr(type(value), "__index__") or type(value).__name__ in _BOOLEANS:
        return False
    try:
        index(value)  # type: ignore[arg-type]  # checked by hasattr
    except TypeError:  # an array of numpy
        return False
    except Exception:  # noqa: BLE001 - integer_to_json raises it again, where it is reported
        return True
    return True


def integer_to_json(value: SupportsIndex) -> str:
    """Return an integer as a JSON number.

    :raises EncodingError: it is too large
    """
    number = index(value)
    if int.bit_length(number) > MAX_BITS:
        raise EncodingError(f"an int of more than {MAX_BITS} bits is too large")
    return int.__repr__(number)


def float_to_json(value: float) -> str:
    """Return a float as a JSON number.

    :raises EncodingError: it is NaN or infinite
    """
    if not math.isfinite(value):
        raise EncodingError("NaN and infinity can't be sent as JSON")
    return float.__repr__(value)


def check_milliseconds(text: str) -> str:
    """Return the JSON text of a time unchanged, unless it is in seconds.

    :raises EncodingError: the service would read it as January 1970
    """
    if re.fullmatch(_SECONDS, text[1:-1]):
        raise EncodingError("looks like seconds; the service expects milliseconds since the epoch (13 digits today)")
    return text


def advice(value: object, wanted: str) -> str:
    """Return what to pass instead of a refused value, as the end of a message; empty when that can't be guessed.

    :param wanted: what the field takes: ``text``, or the name of a type
    """
    kind = type(value)
    if kind.__name__ in _BOOLEANS:
        return {"text": "; pass 'true' or 'false' if text is meant", "bool": "; pass bool(value)"}.get(wanted, "")
    if wanted != "text":
        return ""
    if issubclass(kind, date) or kind.__name__ == "datetime64":
        return "; use a datetime with a time zone"
    if issubclass(kind, Enum):
        return "; pass its .value"
    if issubclass(kind, (bytes, bytearray)):
        return "; decode it"
    return "; pass a float or a Decimal" if kind.__name__.startswith(("float", "Fraction")) else ""


def type_name(value: object) -> str:
    """Return the name of a value's type, with its module for a ``bool`` that is not Python's (numpy has one)."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__name__}" if kind.__name__ == "bool" and kind is not bool else kind.__name__
