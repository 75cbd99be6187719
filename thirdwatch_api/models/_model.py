"""Model: what every model can do."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeAlias, TypeVar

from .._lazy import LateSignature, load
from .._redaction import MASK, without_emails
from ._fields import Field, Kind, field_table

__all__ = ["JsonObject", "Model", "decode"]

JsonObject: TypeAlias = Mapping[str, object]
"""A mapping with wire keys, which is accepted wherever a model is."""

_M = TypeVar("_M", bound="Model")


class _FieldMap:
    """A class attribute that is derived from the declarations when it is first read."""

    def __init__(self, attribute: str) -> None:
        self._attribute = attribute

    def __get__(self, instance: object, owner: "type[Model]") -> dict[str, str]:
        return {f.name: getattr(f, self._attribute) for f in field_table(owner)}


class _Docstring:
    """The docstring of a model, to which its fields are added when somebody reads it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __get__(self, instance: object, owner: "type[Model]") -> str:
        # dataclass() reads it as well, before the class has its slots. That must stay cheap: it is start-up.
        if "__slots__" not in vars(owner):
            return self.text
        text: str = load("._help", __package__).documentation(owner, self.text)
        return text


class Model:
    """A dataclass with a form on the wire."""

    __slots__ = ()

    swagger_types: ClassVar[_FieldMap] = _FieldMap("label")
    """Type of each field, by its Python name."""

    attribute_map: ClassVar[_FieldMap] = _FieldMap("wire")
    """Wire key of each field, by its Python name."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        docstring = vars(cls).get("__doc__")
        if isinstance(docstring, str):  # None under -OO; and dataclass() makes each class twice
            cls.__doc__ = _Docstring(docstring)  # type: ignore[assignment]  # reads as a str
        if construct := vars(cls).get("__init__"):
            construct.__wrapped__ = LateSignature(partial(_signature, construct))

    @classmethod
    def wire_key(cls, name: str) -> str:
        """Return the JSON key of a field: ``user_id`` travels as ``_userId``."""
        first, *rest = name.split("_")
        return "_" + first + "".join(word.capitalize() for word in rest)

    @classmethod
    def from_dict(cls: type[_M], data: JsonObject) -> _M:
        """Build the model from a mapping with wire keys.

        Unknown keys are dropped without an error. To have them reported, send the mapping itself.
        """
        model = cls()
        for f in field_table(cls):
            setattr(model, f.name, decode(f, data.get(f.wire)))
        return model

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by their Python names, personal ones included; an unset field is None."""
        return {f.name: _to_plain(getattr(self, f.name)) for f in field_table(type(self))}

    def to_str(self) -> str:
        """Return ``to_dict()`` as readable text, personal fields included."""
        text: str = load("pprint").pformat(self.to_dict())
        return text

    def __repr__(self) -> str:
        shown = ((f.name, getattr(self, f.name), f.personal) for f in field_table(type(self)))
        inner = ", ".join(f"{name}={MASK if personal else _shown(v)}" for name, v, personal in shown if v is not None)
        return f"{type(self).__name__}({inner})"


def _signature(construct: Callable[..., None]) -> Any:
    """Return the signature of a constructor as ``help()`` shows it."""
    return load("._help", __package__).signature(construct)


def decode(f: Field, value: object) -> object:
    """Return the value of a field from its JSON. A value that does not fit the declaration stays as it is."""
    if f.model is None or value is None:
        return value
    if f.kind is Kind.LIST:
        item = f._replace(kind=Kind.MODEL)
        return [decode(item, part) for part in value] if isinstance(value, list) else value
    return f.model.from_dict(value) if isinstance(value, Mapping) else value


def _to_plain(value: object) -> object:
    if isinstance(value, Model):
        return value.to_dict()
    return [_to_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _shown(value: object) -> str:
    """Return a value as ``repr`` shows it. A mapping is masked, because any of its keys may be personal."""
    if isinstance(value, Model):
        return repr(value)
    if isinstance(value, Mapping):
        return MASK
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    # A text may be megabytes long: without_emails shortens it before repr copies it.
    return repr(without_emails(value)) if isinstance(value, str) else without_emails(repr(value))
