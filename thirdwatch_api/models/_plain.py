"""Plain: what the models share whose wire keys are the names of their fields."""

from ._model import Model

__all__ = ["Plain"]


class Plain(Model):
    """A model outside of the event API."""

    __slots__ = ()

    @classmethod
    def wire_key(cls, name: str) -> str:
        """Tell the JSON key of a field: here it is the name of the field."""
        return name
