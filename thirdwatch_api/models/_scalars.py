"""The rules of the wire for values that hold no others: both encoders write these by the same functions.

Methods are called on the class (``Decimal.adjusted(value)``): a subclass may override them, and must not write past
its field.
"""

import math
import re
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii as quote
from operator import index
from typing import Any, SupportsIndex

__all__ = [
    "NoFormError",
    "advice",
    "check_milliseconds",
    "float_to_json",
    "integer_to_json",
    "is_integer",
    "quote",
    "string_to_json",
    "text_to_json",
    "type_name",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = r"\d{10}(\.\d*)?"
_MAX_BITS = 1024  # far above any money or id; str() of an int of 4,300 digits would raise

_BOOLEANS = ("bool", "bool_")  # Python's, and numpy's by either name
_LAZY_TEXTS = {
    "babel.support": "LazyProxy",
    "django.utils.functional": "Promise",
    "flask_babel.speaklater": "LazyString",
    "speaklater": "_LazyString",
}
"""Classes of lazily translated text, by their module, which nobody imports for this."""


class NoFormError(Exception):
    """A value can't be written; the text says why, and holds nothing of the value."""


def text_to_json(value: Any) -> str | None:
    """Return what a text field holds as JSON text, or None when it is nothing that such a field takes.

    :raises NoFormError: it is NaN, a time without a time zone, or too large
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
    if isinstance(value, str) or any(issubclass(kind, _loaded(*names)) for names in _LAZY_TEXTS.items()):
        return string_to_json(str(value))  # isinstance asks for the class of what Django's SimpleLazyObject stands for
    return f'"{integer_to_json(value)}"' if is_integer(value) else None


def _loaded(module: str, name: str) -> Any:
    """Return a class if its module was imported; if not, there is no instance of it."""
    return getattr(sys.modules.get(module), name, ())


def string_to_json(value: str) -> str:
    """Write text."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NoFormError("holds a lone surrogate, which no JSON text can carry") from None
    return quote(value)


def _decimal_to_json(value: float | Decimal) -> str:
    exact = value if isinstance(value, Decimal) else Decimal(float.__repr__(value))
    if not Decimal.is_finite(exact) or abs(Decimal.adjusted(exact)) > _MAX_BITS:
        raise NoFormError(f"a {type(value).__name__} must be finite and of a sensible size")
    return f'"{Decimal.__format__(exact, "f")}"'


def _time_to_json(value: datetime) -> str:
    if value != value:  # noqa: PLR0124 - only NaT, pandas' time that is none, differs from itself
        raise NoFormError("NaT is no time; leave the field out")
    if datetime.utcoffset(value) is None:
        raise NoFormError("a datetime needs a time zone: datetime.now(timezone.utc)")
    return f'"{datetime.__sub__(value, _EPOCH) // _MILLISECOND}"'


def is_integer(value: object) -> bool:
    """Return whether a value is a whole number: Python's, numpy's or whatever has ``__index__``, but no boolean."""
    if not hasattr(type(value), "__index__") or type(value).__name__ in _BOOLEANS:
        return False
    try:
        index(value)  # type: ignore[arg-type]  # hasattr has asked
    except TypeError:  # an array of numpy
        return False
    except Exception:  # noqa: BLE001 - integer_to_json meets it as well, where it is reported
        return True
    return True


def integer_to_json(value: SupportsIndex) -> str:
    """Write a whole number."""
    number = index(value)
    if int.bit_length(number) > _MAX_BITS:
        raise NoFormError(f"an int of more than {_MAX_BITS} bits is too large")
    return int.__repr__(number)


def float_to_json(value: float) -> str:
    """Write a number that need not be whole."""
    if not math.isfinite(value):
        raise NoFormError("NaN and infinities have no form in JSON")
    return float.__repr__(value)


def check_milliseconds(text: str) -> str:
    """Refuse a time, which is JSON already, that the service would read as January 1970."""
    if re.fullmatch(_SECONDS, text[1:-1]):
        raise NoFormError("looks like seconds; the service wants milliseconds since the epoch (13 digits today)")
    return text


def advice(value: object, wanted: str) -> str:
    """Say what to pass instead of a value that was refused; nothing when nobody knows what was meant.

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
    """Return the name of a value's type, by which numpy's ``bool`` differs from Python's."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__name__}" if kind.__name__ == "bool" and kind is not bool else kind.__name__
