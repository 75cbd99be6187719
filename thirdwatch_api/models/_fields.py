"""Fields of models: the marks that declare them, and the table that is derived from the declarations.

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

__all__ = ["Field", "Identity", "Kind", "Milliseconds", "Personal", "Required", "Text", "field_table"]


_PERSONAL = "masked by repr"
_REQUIRED = "required"
_IDENTITY = "identifies the customer"
_MILLISECONDS = "milliseconds since the epoch"


if TYPE_CHECKING:
    from uuid import UUID
else:
    UUID = str  # importing uuid would slow each start-up

Text: TypeAlias = str | int | float | Decimal | datetime | UUID | SupportsIndex
"""Text on the wire. Numbers are written as plain decimals, an aware datetime as milliseconds since the epoch."""

Milliseconds: TypeAlias = Annotated[Text, _MILLISECONDS]
"""Milliseconds since the epoch, as text. Ten digits are refused: the service reads seconds as January 1970."""

_T = TypeVar("_T")

Identity = Annotated[_T, _IDENTITY]
"""A value that identifies the customer: ``Identity[Text]``. An event needs at least one of its identity fields."""

Personal = Annotated[_T, _PERSONAL]
"""A value about a person, which ``repr`` masks: ``Personal[Text]``."""

Required = Annotated[_T, _REQUIRED]
"""A value that every event, or every valid response, of the model has: ``Required[Text]``."""


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
    """One field of a model, as it was declared."""

    name: str
    wire: str
    """The JSON key, as ``Model.wire_key`` makes it from the name."""
    kind: Kind
    model: type[Any] | None
    """The model that the field holds, or holds a list of."""
    required: bool
    """Whether the service refuses the model without it."""
    identity: bool
    """Whether it identifies the customer. The service refuses an event that has none of these fields."""
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


_tables: dict[type, tuple[Field, ...]] = {}


def field_table(model: type[Any]) -> tuple[Field, ...]:
    """Return the fields of a model, in the order of its constructor. They are derived once."""
    if model not in _tables:
        _tables[model] = _derive(model)
    return _tables[model]


def _derive(model: type[Any]) -> tuple[Field, ...]:
    to_wire = model.wire_key
    if not is_dataclass(model):  # CustomInfo has no fields
        return ()
    hints = get_type_hints(model, include_extras=True)
    return tuple(
        Field(f.name, to_wire(f.name), **_shape(hints[f.name]))
        for f in fields(model)
        if f.name != "additional_properties"
    )


@cache  # most fields are declared alike, and taking a type apart is slow
def _shape(hint: Any) -> dict[str, Any]:
    """Return all that a type declares about a field."""
    parts = list(_parts(hint))
    for part in parts:
        if get_origin(part) in (Sequence, list):
            return {**_shape(get_args(part)[0]), "kind": Kind.LIST}
    model = next((part for part in parts if hasattr(part, "wire_key")), None)
    return {
        "kind": _kind(parts, model),
        "model": model,
        "required": _REQUIRED in parts,
        "identity": _IDENTITY in parts,
        "personal": _PERSONAL in parts,
        "milliseconds": _MILLISECONDS in parts,
        "known": next((get_args(part) for part in parts if get_origin(part) is Literal), ()),
    }


def _kind(parts: list[Any], model: type[Any] | None) -> Kind:
    if model:
        return Kind.FREE if issubclass(model, Mapping) else Kind.MODEL
    return next(kind for kind, of in _SCALARS.items() if of in parts)


def _parts(hint: Any) -> Iterator[Any]:
    """Split a type into the members of its union and the marks of its annotations."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
        yield from _parts(hint.__origin__)
    elif get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from _parts(member)
    else:
        yield hint
