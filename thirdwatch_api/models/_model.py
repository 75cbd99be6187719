"""Model: what every model derives from its annotations.

A field is declared once, as ``name: type | None = None`` with its documentation below. Its wire key, its
type on the wire, its validation, its place in ``repr`` and in ``docs/`` all follow from that declaration.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pprint import pformat
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ..exceptions import ApiTypeError, ApiValueError, without_emails

__all__ = [
    "Field",
    "JsonObject",
    "Kind",
    "Milliseconds",
    "Model",
    "Personal",
    "Required",
    "Text",
    "decode",
    "encode",
    "field_table",
    "to_json_value",
]


class _Mark(Enum):
    PERSONAL = "masked by repr"
    REQUIRED = "must be given"
    MILLISECONDS = "milliseconds since the epoch"


Text: TypeAlias = str | int | float | Decimal | datetime
"""Text on the wire. Numbers are written as plain decimals, an aware datetime as milliseconds since the epoch."""

Personal: TypeAlias = Annotated[Text, _Mark.PERSONAL]
"""Text about a person, which ``repr`` masks."""

Required: TypeAlias = Annotated[Text, _Mark.REQUIRED]
"""Text without which the service does not take the event."""

Milliseconds: TypeAlias = Annotated[Text, _Mark.MILLISECONDS]
"""Milliseconds since the epoch, as text. Ten digits are refused: the service reads seconds as January 1970."""

JsonObject: TypeAlias = Mapping[str, object]
"""A mapping with wire keys, which is accepted wherever a model is."""

_M = TypeVar("_M", bound="Model")
_MASK = "***"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = re.compile(r"\d{10}(\.\d*)?")
_PLAIN_KEY = re.compile(r"[\w.-]{1,64}")
_MAX_DEPTH = 64
_MAX_BITS = 1024  # far above any money or id; str() of an int of 4,300 digits would raise
_MAX_SHOWN = 20
_MISSING = (None, "")


class Kind(Enum):
    """What a field holds on the wire."""

    TEXT = "str"
    BOOL = "bool"
    INT = "int"
    MODEL = "a model"
    FREE = "any mapping"
    LIST = "a list of models"


_SCALARS: dict[Kind, type] = {Kind.TEXT: str, Kind.BOOL: bool, Kind.INT: int}


class Field(NamedTuple):
    """One field of a model, as its declaration tells it."""

    name: str
    wire: str
    kind: Kind
    model: "type[Model] | None"
    marks: frozenset[_Mark]

    @property
    def label(self) -> str:
        """The type as ``swagger_types`` writes it."""
        name = self.model.__name__ if self.model else self.kind.value
        return f"list[{name}]" if self.kind is Kind.LIST else name

    @property
    def required(self) -> bool:
        """Tell whether the service does without this field."""
        return _Mark.REQUIRED in self.marks

    @property
    def personal(self) -> bool:
        """Tell whether ``repr`` masks this field."""
        return _Mark.PERSONAL in self.marks


class _FieldMap:
    """A class attribute that is derived from the declarations when it is first read."""

    def __init__(self, attribute: str) -> None:
        self._attribute = attribute

    def __get__(self, instance: object, owner: "type[Model]") -> dict[str, str]:
        return {f.name: getattr(f, self._attribute) for f in field_table(owner)}


class Model:
    """What every model can do."""

    __slots__ = ()

    swagger_types: ClassVar[_FieldMap] = _FieldMap("label")
    """Type of each field, by its Python name."""

    attribute_map: ClassVar[_FieldMap] = _FieldMap("wire")
    """Wire key of each field, by its Python name."""

    @classmethod
    def wire_key(cls, name: str) -> str:
        """Tell the JSON key of a field: ``user_id`` travels as ``_userId``."""
        first, *rest = name.split("_")
        return "_" + first + "".join(word.capitalize() for word in rest)

    @classmethod
    def from_dict(cls: type[_M], data: JsonObject) -> _M:
        """Build the model from a mapping with wire keys; keys that it does not know are left out."""
        model = cls()
        for f in field_table(cls):
            setattr(model, f.name, decode(f, data.get(f.wire)))
        return model

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by their Python names, personal ones included; an unset field is None."""
        return {f.name: _plain(getattr(self, f.name)) for f in field_table(type(self))}

    def to_str(self) -> str:
        """Return ``to_dict()`` as readable text, personal fields included."""
        return pformat(self.to_dict())

    def __repr__(self) -> str:
        shown = ((f.name, getattr(self, f.name), f.personal) for f in field_table(type(self)))
        inner = ", ".join(f"{name}={_MASK if personal else _shown(v)}" for name, v, personal in shown if v is not None)
        return f"{type(self).__name__}({inner})"


_tables: dict[type[Model], tuple[Field, ...]] = {}


def field_table(model: type[Model]) -> tuple[Field, ...]:
    """Derive the fields of a model, in the order of its constructor."""
    if model not in _tables:
        _tables[model] = _derive(model)
    return _tables[model]


def _derive(model: type[Model]) -> tuple[Field, ...]:
    if not is_dataclass(model):  # CustomInfo has no fields
        return ()
    hints = get_type_hints(model, include_extras=True)
    return tuple(
        _field(model.wire_key(f.name), f.name, hints[f.name])
        for f in fields(model)
        if f.name != "additional_properties"
    )


def _field(wire: str, name: str, hint: Any) -> Field:
    parts = list(_parts(hint))
    marks = frozenset(part for part in parts if isinstance(part, _Mark))
    for part in parts:
        if get_origin(part) in (Sequence, list):
            return _field(wire, name, get_args(part)[0])._replace(kind=Kind.LIST)
        if isinstance(part, type) and issubclass(part, Model):
            return Field(name, wire, Kind.FREE if issubclass(part, Mapping) else Kind.MODEL, part, marks)
    kind = next(kind for kind, of in _SCALARS.items() if of in parts)
    return Field(name, wire, kind, None, marks)


def _parts(hint: Any) -> Iterator[Any]:
    """Take a type apart into the members of its union and the marks of its annotations."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
        yield from _parts(hint.__origin__)
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from _parts(member)
    else:
        yield hint


def encode(model: type[Model], event: object, *, validate: bool = True) -> dict[str, object]:
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
    wire = encoder.model(type(event) if isinstance(event, Model) else model, event, name)
    if validate:
        identity = [f for f in field_table(model) if f.name in ("user_id", "session_id")]
        if identity and all(wire.get(f.wire) in _MISSING for f in identity):
            encoder.refuse(name, f"needs {' or '.join(f.name for f in identity)}, to tell whose event it is")
    encoder.finish(f"this {name} was not sent")
    return wire


def to_json_value(value: object) -> Any:
    """Turn a model, or any structure of models and plain values, into what ``json.dumps`` takes.

    :raises ApiValueError: JSON can't carry a part of it
    """
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

    def model(self, model: type[Model], value: object, path: str, depth: int = 0) -> dict[str, object]:
        """Encode an instance of the model, or a mapping with its wire keys."""
        wire: dict[str, object] = {}
        table = field_table(model)
        if isinstance(value, Mapping):
            given = dict(value)
            found = [(f, f.wire, given.pop(f.wire, None)) for f in table]
            for key, extra in given.items():
                self._unknown(model, key, extra, wire, path, depth)
        else:
            found = [(f, f.name, getattr(value, f.name)) for f in table]
        for f, name, part in found:
            if f.required and part in _MISSING and self._validate:
                self.refuse(f"{path}.{name}", "is required")
            if part is not None:
                wire[f.wire] = self._field(f, part, f"{path}.{name}", depth)
        return wire

    def _unknown(
        self, model: type[Model], key: object, value: object, wire: dict[str, object], path: str, depth: int
    ) -> None:
        if self._validate or not isinstance(key, str):
            names = {f.name: f.wire for f in field_table(model)}
            near = names.get(str(key)) or next(iter(difflib.get_close_matches(str(key), names.values(), 1)), None)
            self.refuse(f"{path}.{_key(key)}", "unknown key" + (f"; did you mean {near!r}?" if near else ""))
        else:
            wire[self._string(key, path)] = self.free(value, f"{path}.{_key(key)}", depth + 1)

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
        if self._validate and _Mark.MILLISECONDS in f.marks and isinstance(text, str) and _SECONDS.fullmatch(text):
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
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else f"<{type(key).__name__}>"


def decode(f: Field, value: object) -> object:
    """Read a field from JSON; what does not fit its declaration stays as it is."""
    if f.model is None or value is None:
        return value
    if f.kind is Kind.LIST:
        item = f._replace(kind=Kind.MODEL)
        return [decode(item, part) for part in value] if isinstance(value, list) else value
    return f.model.from_dict(value) if isinstance(value, Mapping) else value


def _plain(value: object) -> object:
    if isinstance(value, Model):
        return value.to_dict()
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _shown(value: object) -> str:
    """Show a value in ``repr``: a mapping may hold anything about anybody."""
    if isinstance(value, Mapping) and not isinstance(value, Model):
        return _MASK
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    return without_emails(repr(value))
