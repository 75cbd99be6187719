"""A model to JSON: one pass that encodes, checks, and reports every problem with its path."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from ..exceptions import ApiTypeError, ApiValueError
from ._model import Field, Kind, Model, field_table, field_values

__all__ = ["Wire", "encode", "to_json_value"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = r"\d{10}(\.\d*)?"
_PLAIN_KEY = r"[\w.-]{1,64}"
_MAX_DEPTH = 64
_MAX_BITS = 1024  # far above any money or id; str() of an int of 4,300 digits would raise
_MAX_SHOWN = 20


class Wire(dict[str, object]):
    """A JSON object that was encoded: nobody has to look into it again."""


def encode(model: type[Model], event: object, *, validate: bool = True) -> Wire:
    """Turn an event into the JSON object that its declaration says.

    What JSON can't carry (NaN, bytes, a lone surrogate, a cycle) is always refused.

    :param event: an instance of the model, or a mapping with wire keys
    :param validate: whether to check types, keys, required fields and the identity as well
    :raises ApiTypeError: the event is neither
    :raises ApiValueError: it has problems; all of them are listed with their paths
    """
    if not isinstance(event, (model, Mapping)) and (validate or not isinstance(event, Model)):
        raise ApiTypeError(f"expected {model.__name__} or a dict with its wire keys, got {type(event).__name__}")
    encoder = _Encoder(validate)
    name = model.__name__
    wire = encoder.model(model if isinstance(event, Mapping) else type(event), event, name)
    if validate and not (wire.get("_userId") or wire.get("_sessionId")):
        identity = [f.name for f in field_table(model) if f.name in ("user_id", "session_id")]
        if identity:
            encoder.refuse(name, f"needs {' or '.join(identity)}, to tell whose event it is")
    encoder.finish(f"this {name} was not sent")
    return wire


def to_json_value(value: object) -> Any:
    """Turn a model, or any structure of models and plain values, into what ``json.dumps`` takes.

    :raises ApiValueError: JSON can't carry a part of it
    """
    if isinstance(value, Wire):
        return value
    encoder = _Encoder(validate=False)
    wire = encoder.free(value, type(value).__name__)
    encoder.finish("this has no form in JSON")
    return wire


class _Encoder:
    """One pass over an event, which collects its JSON and its problems."""

    def __init__(self, validate: bool) -> None:
        self._validate = validate
        self._problems: list[str] = []
        self._open: set[int] = set()

    def refuse(self, path: str, why: str) -> None:
        """Note a problem: the path and a type, never the value, which may be personal."""
        self._problems.append(f"{path}: {why}")

    def finish(self, headline: str) -> None:
        """Raise what was noted."""
        if self._problems:
            shown = "; ".join(self._problems[:_MAX_SHOWN])
            more = len(self._problems) - _MAX_SHOWN
            raise ApiValueError(
                f"{headline}: {shown}{f'; and {more} more problems' if more > 0 else ''}", tuple(self._problems)
            )

    def model(self, model: type[Model], value: Any, path: str, depth: int = 0) -> Wire:
        """Encode an instance of the model, or a mapping with its wire keys."""
        wire = Wire()
        table = field_table(model)
        by_key = isinstance(value, Mapping)
        if by_key:
            known = {f.wire for f in table}
            for key in value:
                if key not in known:
                    self._unknown(model, key, value[key], wire, path, depth)
        values = [value.get(f.wire) for f in table] if by_key else field_values(value)
        for f, part in zip(table, values, strict=True):
            if part is None and not f.required:
                continue
            if type(part) is f.exact and (not isinstance(part, str) or part.isascii()):  # the usual case, kept short
                wire[f.wire] = part
                continue
            part_path = f"{path}.{f.wire if by_key else f.name}"
            if f.required and (part is None or (isinstance(part, str) and not part)) and self._validate:
                self.refuse(part_path, "is required")
            if part is not None:
                wire[f.wire] = self._field(f, part, part_path, depth)
        return wire

    def _unknown(self, model: type[Model], key: object, value: object, wire: Wire, path: str, depth: int) -> None:
        key_path = f"{path}.{_key(key)}"
        if not isinstance(key, str):
            self.refuse(key_path, "unknown key")
        elif self._validate:
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

            names = {f.name: f.wire for f in field_table(model)}
            near = names.get(key) or next(iter(get_close_matches(key, names.values(), 1)), None)
            self.refuse(key_path, "unknown key" + (f"; did you mean {near!r}?" if near else ""))
        else:
            wire[self._string(key, path)] = self.free(value, key_path, depth + 1)

    def _field(self, f: Field, value: object, path: str, depth: int) -> object:
        if f.kind is Kind.TEXT:
            return self._text(f, value, path, depth)
        if f.kind is Kind.LIST and f.model and isinstance(value, (list, tuple)):
            item = f._replace(kind=Kind.MODEL)
            return [self._field(item, part, f"{path}[{i}]", depth) for i, part in enumerate(value)]
        if f.kind is Kind.MODEL and f.model and isinstance(value, (f.model, Mapping)):
            return self.model(f.model, value, path, depth + 1)
        fits = (
            (f.kind is Kind.FREE and isinstance(value, Mapping))
            or (f.kind is Kind.BOOL and isinstance(value, bool))
            or (f.kind is Kind.INT and isinstance(value, int) and not isinstance(value, bool))
        )
        if self._validate and not fits:
            self.refuse(path, f"expected {f.label}, got {type(value).__name__}")
            return None
        return self.free(value, path, depth + 1)

    def _text(self, f: Field, value: object, path: str, depth: int) -> object:
        if isinstance(value, str):
            text: object = self._string(value, path)
        elif isinstance(value, (bool, bytes)) or not isinstance(value, (int, float, Decimal, datetime)):
            if self._validate:
                self.refuse(path, f"expected text, got {type(value).__name__}")
                return None
            text = self.free(value, path, depth + 1)
        else:
            text = self._scalar(value, path)
        if self._validate and f.milliseconds and isinstance(text, str) and re.fullmatch(_SECONDS, text):
            self.refuse(path, "looks like seconds; the service wants milliseconds since the epoch (13 digits today)")
        return text

    def _string(self, value: str, path: str) -> str:
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                self.refuse(path, "holds a lone surrogate, which no JSON text can carry")
        return value

    def _scalar(self, value: float | Decimal | datetime, path: str) -> str | None:
        """Write a number or a time as text."""
        if isinstance(value, datetime):
            if value.tzinfo is None or value.utcoffset() is None:
                self.refuse(path, "a datetime needs a time zone: datetime.now(timezone.utc)")
                return None
            return str((value - _EPOCH) // _MILLISECOND)
        if isinstance(value, int):
            return str(int(value)) if self._integer(value, path) else None
        exact = value if isinstance(value, Decimal) else Decimal(float.__repr__(value))
        if not exact.is_finite() or abs(exact.adjusted()) > _MAX_BITS:
            self.refuse(path, f"a {type(value).__name__} must be finite and of a sensible size")
            return None
        return format(exact, "f")

    def _integer(self, value: int, path: str) -> bool:
        if value.bit_length() <= _MAX_BITS:
            return True
        self.refuse(path, f"an int of more than {_MAX_BITS} bits is too large")
        return False

    def free(self, value: object, path: str, depth: int = 0) -> object:
        """Encode a value that no declaration describes."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._string(value, path)
        if isinstance(value, int):
            return value if self._integer(value, path) else None
        if isinstance(value, float):
            if not math.isfinite(value):
                self.refuse(path, "NaN and infinities have no form in JSON")
            return value
        if isinstance(value, (Decimal, datetime)):
            return self._scalar(value, path)
        if not isinstance(value, (Mapping, list, tuple, Model)):
            self.refuse(path, f"a value of type {type(value).__name__} has no form in JSON")
        elif id(value) in self._open:
            self.refuse(path, "holds itself")
        elif depth > _MAX_DEPTH:
            self.refuse(path, f"is nested more than {_MAX_DEPTH} deep")
        else:
            self._open.add(id(value))
            wire = self._container(value, path, depth + 1)
            self._open.discard(id(value))
            return wire
        return None

    def _container(self, value: Any, path: str, depth: int) -> object:
        if isinstance(value, Mapping):
            return {self._name(k, path): self.free(v, f"{path}.{_key(k)}", depth) for k, v in value.items()}
        if isinstance(value, Model):
            return self.model(type(value), value, path, depth)
        return [self.free(v, f"{path}[{i}]", depth) for i, v in enumerate(value)]

    def _name(self, key: object, path: str) -> str:
        if not isinstance(key, str):
            self.refuse(path, f"a key must be text, got {type(key).__name__}")
            return ""
        return self._string(key, path)


def _key(key: object) -> str:
    """Show a key of a mapping in a path, unless it might be somebody's data."""
    return key if isinstance(key, str) and re.fullmatch(_PLAIN_KEY, key) else f"<{type(key).__name__}>"
