"""Model: what every model derives from its annotations.

A field is declared once, as ``name: type | None = None`` with its documentation below. Its wire key, its
type on the wire, its validation, its place in ``repr`` and in ``docs/`` all follow from that declaration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    SupportsIndex,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from .._lazy import load
from .._redaction import MASK, without_emails

__all__ = [
    "Field",
    "Identity",
    "JsonObject",
    "Kind",
    "Milliseconds",
    "Model",
    "Personal",
    "Required",
    "Text",
    "decode",
    "field_table",
]


_PERSONAL = "masked by repr"
_REQUIRED = "must be given"
_IDENTITY = "says whose event it is"
_MILLISECONDS = "milliseconds since the epoch"


if TYPE_CHECKING:
    from uuid import UUID
else:
    UUID = str  # importing uuid would slow each start-up

Text: TypeAlias = str | int | float | Decimal | datetime | UUID | SupportsIndex
"""Text on the wire. Numbers are written as plain decimals, an aware datetime as milliseconds since the epoch."""

Milliseconds: TypeAlias = Annotated[Text, _MILLISECONDS]
"""Milliseconds since the epoch, as text. Ten digits are refused: the service reads seconds as January 1970."""

JsonObject: TypeAlias = Mapping[str, object]
"""A mapping with wire keys, which is accepted wherever a model is."""

_T = TypeVar("_T")

Identity = Annotated[_T, _IDENTITY]
"""A value that says whose event it is. Every event needs one of those that its model has: ``Identity[Text]``."""

Personal = Annotated[_T, _PERSONAL]
"""A value about a person, which ``repr`` masks: ``Personal[Text]``."""

Required = Annotated[_T, _REQUIRED]
"""A value that every event, or every valid response, of the model has: ``Required[Text]``."""

_M = TypeVar("_M", bound="Model")


class Kind(Enum):
    """What a field holds on the wire."""

    TEXT = "str"
    BOOL = "bool"
    INT = "int"
    NUMBER = "float"
    TIME = "datetime"
    MODEL = "a model"
    FREE = "any mapping"
    LIST = "a list of models"


_SCALARS: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.BOOL: bool,
    Kind.INT: int,
    Kind.NUMBER: float,
    Kind.TIME: datetime,
}


class Field(NamedTuple):
    """One field of a model, as its declaration tells it."""

    name: str
    wire: str
    kind: Kind
    model: "type[Model] | None"
    required: bool
    """Whether the service does not take the model without it."""
    identity: bool
    """Whether it says whose event it is. The service takes no event without one of the fields that do."""
    personal: bool
    """Whether ``repr`` masks it."""
    milliseconds: bool
    """Whether it is a time, which must not be in seconds."""
    known: tuple[str, ...]
    """The known values, where there is a list of them. Any other text is sent as well."""

    @property
    def label(self) -> str:
        """The type as ``swagger_types`` writes it."""
        name = self.model.__name__ if self.model else self.kind.value
        return f"list[{name}]" if self.kind is Kind.LIST else name


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
        """Build the model from a mapping with wire keys.

        Keys that it does not know are dropped without an error. To have them reported, send the mapping itself.
        """
        model = cls()
        for f in field_table(cls):
            setattr(model, f.name, decode(f, data.get(f.wire)))
        return model

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by their Python names, personal ones included; an unset field is None."""
        return {f.name: _plain(getattr(self, f.name)) for f in field_table(type(self))}

    def to_str(self) -> str:
        """Return ``to_dict()`` as readable text, personal fields included."""
        text: str = load("pprint").pformat(self.to_dict())
        return text

    def __repr__(self) -> str:
        shown = ((f.name, getattr(self, f.name), f.personal) for f in field_table(type(self)))
        inner = ", ".join(f"{name}={MASK if personal else _shown(v)}" for name, v, personal in shown if v is not None)
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
        Field(f.name, model.wire_key(f.name), **_shape(hints[f.name]))
        for f in fields(model)
        if f.name != "additional_properties"
    )


@cache  # most fields are declared alike, and a type takes long to take apart
def _shape(hint: Any) -> dict[str, Any]:
    """Read all that a type says about a field."""
    parts = list(_parts(hint))
    for part in parts:
        if get_origin(part) in (Sequence, list):
            return {**_shape(get_args(part)[0]), "kind": Kind.LIST}
    model = next((part for part in parts if isinstance(part, type) and issubclass(part, Model)), None)
    return {
        "kind": _kind(parts, model),
        "model": model,
        "required": _REQUIRED in parts,
        "identity": _IDENTITY in parts,
        "personal": _PERSONAL in parts,
        "milliseconds": _MILLISECONDS in parts,
        "known": next((get_args(part) for part in parts if get_origin(part) is Literal), ()),
    }


def _kind(parts: list[Any], model: "type[Model] | None") -> Kind:
    if model:
        return Kind.FREE if issubclass(model, Mapping) else Kind.MODEL
    return next(kind for kind, of in _SCALARS.items() if of in parts)


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
    if isinstance(value, Model):
        return repr(value)
    if isinstance(value, Mapping):
        return MASK
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    # A text is cut before the rest is done with it: it may be megabytes long.
    return repr(without_emails(value)) if isinstance(value, str) else without_emails(repr(value))
