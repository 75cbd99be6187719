"""Values that hold no others, as JSON."""

import math
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from json.encoder import encode_basestring_ascii as quote

__all__ = ["NoFormError", "check_milliseconds", "float_to_json", "integer_to_json", "number_as_text", "quote"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = r"\d{10}(\.\d*)?"
_MAX_BITS = 1024  # far above any money or id; str() of an int of 4,300 digits would raise


class NoFormError(Exception):
    """A value can't be written; the text says why, and holds nothing of the value."""


def number_as_text(value: float | Decimal | datetime) -> str:
    """Write a number as plain decimal text, and a time as milliseconds since the epoch."""
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise NoFormError("a datetime needs a time zone: datetime.now(timezone.utc)")
        return f'"{(value - _EPOCH) // _MILLISECOND}"'
    if isinstance(value, int):
        return f'"{integer_to_json(value)}"'
    exact = value if isinstance(value, Decimal) else Decimal(float.__repr__(value))
    if not exact.is_finite() or abs(exact.adjusted()) > _MAX_BITS:
        raise NoFormError(f"a {type(value).__name__} must be finite and of a sensible size")
    return f'"{exact:f}"'


def integer_to_json(value: int) -> str:
    """Write a whole number."""
    if value.bit_length() > _MAX_BITS:
        raise NoFormError(f"an int of more than {_MAX_BITS} bits is too large")
    return int.__repr__(value)


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
