"""Which keys of an event hold nothing personal, so that their texts may be shown."""

from .._lazy import load
from ._fields import Kind, field_table
from ._model import Model

__all__ = ["public_keys"]

_known: dict[type, frozenset[str]] = {}


def public_keys(model: type) -> frozenset[str]:
    """Return the JSON keys of a model and its parts whose texts are not personal; for another type, of all models."""
    if model not in _known:
        fields = [f for part in _parts(model) for f in field_table(part)]
        personal = {f.wire for f in fields if f.personal or f.kind is Kind.FREE}
        _known[model] = frozenset(f.wire for f in fields) - personal
    return _known[model]


def _parts(model: type) -> set[type[Model]]:
    if not issubclass(model, Model):
        models = load(__name__.rpartition(".")[0])
        return {getattr(models, name) for name in models.__all__}
    parts = {model}
    for f in field_table(model):
        if f.model:
            parts |= _parts(f.model)
    return parts
