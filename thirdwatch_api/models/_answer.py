"""Answer: what the models of the service's answers share."""

from dataclasses import dataclass, field
from json import dumps
from typing import Any, ClassVar, TypeVar

from ._model import JsonObject, Kind, Model, decode, field_table

__all__ = ["Answer"]

_A = TypeVar("_A", bound="Answer")


@dataclass(repr=False, slots=True)
class Answer(Model):
    """An answer of the service: a missing key never fails, an unknown one is kept."""

    json_keys: ClassVar[dict[str, tuple[str, ...]]] = {}
    """JSON keys that a field is read from, when there are several; the first that holds something wins."""

    additional_properties: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Whatever else the answer held, by its JSON key."""

    @classmethod
    def wire_key(cls, name: str) -> str:
        """Tell the JSON key of a field: in answers it is the name of the field."""
        return name

    @classmethod
    def from_dict(cls: type[_A], data: JsonObject) -> _A:
        """Build the answer from its JSON; what it does not know goes to ``additional_properties``."""
        answer = cls(additional_properties=dict(data))
        for f in field_table(cls):
            keys = cls.json_keys.get(f.name, (f.wire,))
            key = next((key for key in keys if data.get(key) is not None), keys[0])
            value = answer.additional_properties.pop(key, None)
            if f.kind is Kind.TEXT and not isinstance(value, (str, type(None))):
                value = dumps(value)
            setattr(answer, f.name, decode(f, value))
        return answer

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by their names, and whatever else the answer held."""
        return self.additional_properties | Model.to_dict(self)
