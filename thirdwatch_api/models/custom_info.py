"""CustomInfo: a part of other models."""

from typing import Any

from ._model import JsonObject, Model

__all__ = ["CustomInfo"]


class CustomInfo(dict[str, object], Model):
    """The merchant's own key/value pairs: any key, any value that JSON can hold. A plain dict works as well."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, data: JsonObject) -> "CustomInfo":
        """Build it from a mapping, with all keys."""
        return cls(data)

    def to_dict(self) -> dict[str, Any]:
        """Return the pairs as a plain dict."""
        return dict(self)

    def __repr__(self) -> str:
        """Show only the number of pairs, because any of them may be personal."""
        return f"CustomInfo({len(self)} keys)"
