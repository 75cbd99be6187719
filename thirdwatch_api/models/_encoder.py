"""Slow path to JSON: one pass that encodes, checks, and reports every problem with its path.

``to_json`` tries the fast path first. Here the text is written while the fields are read: building a dict for
``json.dumps`` would take longer than all the checks.
"""

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from json import loads
from typing import Any, TypeAlias, TypeGuard, TypeVar

from .._lazy import load
from ..exceptions import ApiException, ApiTypeError, ApiValueError
from ._fast_encoder import encode_fast
from ._fields import Field, Kind, field_table
from ._kinds import (
    RULES,
    EncodingError,
    advice,
    check_milliseconds,
    float_to_json,
    integer_to_json,
    is_integer,
    is_missing,
    quote,
    string_to_json,
    text_to_json,
    type_name,
)
from ._model import Model

__all__ = ["JsonText", "encode", "key_in_path", "to_json", "to_json_value", "to_text", "value_to_json"]

_PLAIN_KEY = r"[\w.-]{1,64}"
_MAX_DEPTH = 64
_MAX_VALUES = 1_000_000  # a small structure with shared parts may be endless when it is written out
_MAX_SHOWN = 20

Path: TypeAlias = "str | tuple[Path, str]"
"""Where a value is: the path of its container, and the last step. It becomes text only for a problem."""

_Text = TypeVar("_Text", str, "str | None")


class JsonText(str):
    """A str that is finished JSON, so that nobody encodes it again."""

    __slots__ = ()


def to_json(model: type[Model], event: object, *, validate: bool = True) -> JsonText:
    """Encode an event as the JSON object that its model declares.

    Values that JSON does not have (NaN, bytes, a lone surrogate, a cycle) are always refused.

    :param event: an instance of the model, or a mapping with wire keys
    :param validate: whether to check types, keys, required fields and the identity as well
    :raises ApiTypeError: the event is neither of these
    :raises ApiValueError: the event has problems; all are listed with their paths
    """
    if text := encode_fast(model, event):
        return JsonText(text)
    if not isinstance(event, (model, Mapping)) and (validate or not isinstance(event, Model)):
        raise ApiTypeError(f"expected {model.__name__} or a dict with its wire keys, got {type(event).__name__}")
    encoder = _Encoder(validate)
    name = model.__name__
    with _reading(name):
        text = encoder.model(model if isinstance(event, Mapping) else type(event), event, name)
        if validate:
            encoder.check_identity(model, event)
    encoder.finish(f"this {name} was not sent")
    return JsonText(text)


def encode(model: type[Model], event: object, *, validate: bool = True) -> dict[str, Any]:
    """Return the JSON of ``to_json`` as a dict."""
    wire: dict[str, Any] = loads(to_json(model, event, validate=validate))
    return wire


def value_to_json(value: object) -> JsonText:
    """Encode a model, or any structure of models and plain values, as JSON.

    :raises ApiValueError: a part of it can't be encoded
    """
    if isinstance(value, JsonText):
        return value
    encoder = _Encoder(validate=False)
    with _reading(type(value).__name__):
        text = encoder.value(value, type(value).__name__)
    encoder.finish("this can't be encoded as JSON")
    return JsonText(text)


def to_json_value(value: object) -> Any:
    """Return the JSON of ``value_to_json`` as plain values."""
    return loads(value_to_json(value))


def to_text(name: str, value: object) -> str:
    """Return what a text field would send for a value.

    :param name: what messages call it
    :raises ApiTypeError: it is nothing that a text field takes
    :raises ApiValueError: it can't be read or written
    """
    try:
        text = text_to_json(value)
    except EncodingError as error:
        raise ApiValueError(f"{name}: {error}") from None
    except Exception as error:  # noqa: BLE001 - values of the user may raise anything
        raise ApiValueError(f"{name}: can't be read ({type(error).__name__})") from None
    if text is None:
        raise ApiTypeError(f"{name}: expected text, got {type_name(value)}{advice(value, 'text')}")
    result: str = loads(text)
    return result


@contextmanager
def _reading(name: str) -> Generator[None]:
    """Translate errors that the user's values raise: a broken time zone, a dict that another thread fills."""
    try:
        yield
    except ApiException:
        raise
    except Exception as error:  # noqa: BLE001 - they may raise anything
        raise ApiValueError(f"{name}: a value can't be read ({type(error).__name__})") from None


class _Encoder:
    """One pass over an event that writes its JSON and collects its problems."""

    def __init__(self, validate: bool) -> None:
        self._validate = validate
        self._problems: list[str] = []
        self._open: set[int] = set()
        self._values = 0

    def refuse(self, path: Path, why: str) -> str:
        """Add a problem: its path and reason, never the value, which may be personal. Return JSON in its place."""
        self._problems.append(f"{_spell(path)}: {why}")
        return "null"

    def finish(self, headline: str) -> None:
        """Raise the collected problems as one error, if there are any.

        :raises ApiValueError: there are problems
        """
        if self._problems:
            shown = "; ".join(self._problems[:_MAX_SHOWN])
            more = len(self._problems) - _MAX_SHOWN
            raise ApiValueError(
                f"{headline}: {shown}{f'; and {more} more problems' if more > 0 else ''}", tuple(self._problems)
            )

    def check_identity(self, model: type[Model], event: Any) -> None:
        """Report an event without user_id and session_id, where the model has them."""
        named = [f for f in field_table(model) if f.identity]
        by_key = isinstance(event, Mapping)
        if named and all(is_missing(event.get(f.wire) if by_key else getattr(event, f.name)) for f in named):
            self.refuse(model.__name__, f"needs {' or '.join(f.name for f in named)}: the customer's, not the order's")

    def model(self, model: type[Model], value: Any, path: Path) -> str:
        """Return the JSON of an instance of the model, or of a mapping with its wire keys."""
        by_key = isinstance(value, Mapping)
        written: list[str] = []
        if by_key:
            value = self._pairs(value, path)
            if not _wire_keys(model).issuperset(value):
                self._write_unknown(model, value, path, written)
        for f in field_table(model):
            part = value.get(f.wire) if by_key else getattr(value, f.name)
            if part is None and not f.required:
                continue
            part_path = (path, f".{f.wire if by_key else f.name}")
            if self._validate and f.required and is_missing(part):
                self.refuse(part_path, "is required")
            if part is not None:
                written.append(f'"{f.wire}":{self._field(f, part, part_path)}')
        return f"{{{','.join(written)}}}"

    def _write_unknown(self, model: type[Model], value: Mapping[Any, object], path: Path, written: list[str]) -> None:
        """Report the unknown keys of a mapping. Without validation, append them to the JSON instead."""
        known = _wire_keys(model)
        for key, part in value.items():
            if isinstance(key, str) and key in known:
                continue
            key_path = (path, f".{key_in_path(key)}")
            if isinstance(key, str) and not self._validate:
                written.append(f"{self._try(string_to_json, key, path)}:{self.value(part, key_path)}")
            elif len(self._problems) < _MAX_SHOWN:  # finding a similar key is slow
                self.refuse(key_path, f"unknown key{_hint(model, key)}")
            else:
                self.refuse(key_path, "unknown key")

    def _field(self, f: Field, value: object, path: Path) -> str:
        if f.kind is Kind.TEXT:
            return self._text(f, value, path)
        try:
            return self._part(f, value, path)
        except ApiException:
            raise
        except Exception as error:  # noqa: BLE001 - values of the user may raise anything
            return self._refuse_unreadable(error, path)

    def _part(self, f: Field, value: object, path: Path) -> str:
        if not RULES[f.kind].fits(f, value):
            return self._refuse_type(f.label, value, path) if self._validate else self.value(value, path)
        if f.model and f.kind is Kind.MODEL:
            return self.model(f.model, value, path)
        if f.kind is Kind.LIST and isinstance(value, (list, tuple)):
            item = f._replace(kind=Kind.MODEL)
            return f"[{','.join([self._field(item, part, (path, f'[{i}]')) for i, part in enumerate(value)])}]"
        return self.value(value, path)

    def _text(self, f: Field, value: object, path: Path) -> str:
        text = quote(value) if type(value) is str and value.isascii() else self._try(text_to_json, value, path)
        if text is None:
            return self._refuse_type("text", value, path) if self._validate else self.value(value, path)
        if self._validate and f.milliseconds:
            text = self._try(check_milliseconds, text, path)
        return text

    def _refuse_type(self, wanted: str, value: object, path: Path) -> str:
        return self.refuse(path, f"expected {wanted}, got {type_name(value)}{advice(value, wanted)}")

    def _refuse_unreadable(self, error: Exception, path: Path) -> str:
        return self.refuse(path, f"can't be read ({type(error).__name__})")

    def _try(self, write: Callable[[Any], _Text], value: object, path: Path) -> _Text | str:
        """Return the JSON of a value, or report why it has none."""
        try:
            return write(value)
        except EncodingError as error:
            return self.refuse(path, str(error))
        except Exception as error:  # noqa: BLE001 - values of the user may raise anything
            return self._refuse_unreadable(error, path)

    def value(self, value: object, path: Path, depth: int = 0) -> str:
        """Return the JSON of any value, whatever its field declares."""
        self._values += 1
        if self._values > _MAX_VALUES:
            raise ApiValueError(f"{_spell(path)}: there are more than {_MAX_VALUES:,} values")
        if value is None:
            return "null"
        if type(value) is str and value.isascii():
            return quote(value)
        if type(value) is bool:
            return "true" if value else "false"
        if is_integer(value):
            return self._try(integer_to_json, value, path)
        if issubclass(type(value), float):
            return self._try(float_to_json, value, path)
        if (text := self._try(text_to_json, value, path)) is not None:
            return text
        if not isinstance(value, (Mapping, list, tuple, Model)):
            why = f"a value of type {type_name(value)} can't be encoded as JSON"
            return self.refuse(path, why + advice(value, "text"))
        if id(value) in self._open:
            return self.refuse(path, "contains itself")
        if depth > _MAX_DEPTH:
            return self.refuse(path, f"is nested more than {_MAX_DEPTH} deep")
        self._open.add(id(value))
        text = self._container(value, path, depth + 1)
        self._open.discard(id(value))
        return text

    def _container(self, value: Any, path: Path, depth: int) -> str:
        if isinstance(value, Mapping):
            parts: Iterable[str] = (
                f"{self._name(k, path)}:{self.value(v, (path, f'.{key_in_path(k)}'), depth)}"
                for k, v in self._pairs(value, path).items()
            )
            return f"{{{','.join(parts)}}}"
        if isinstance(value, Model):
            return self.model(type(value), value, path)
        parts = (self.value(v, (path, f"[{i}]"), depth) for i, v in enumerate(value))
        return f"[{','.join(parts)}]"

    def _pairs(self, value: Mapping[Any, Any], path: Path) -> dict[Any, Any]:
        """Return a mapping as a dict: a copy that no other thread changes, with each key once."""
        try:
            return dict(value.items())
        except Exception as error:  # noqa: BLE001 - mappings of the user may raise anything
            self._refuse_unreadable(error, path)
            return {}

    def _name(self, key: object, path: Path) -> str:
        if not _is_text(key):
            return self.refuse(path, f"a key must be text, got {type(key).__name__}")
        return self._try(string_to_json, key, path)


_known_keys: dict[type[Model], frozenset[str]] = {}


def _wire_keys(model: type[Model]) -> frozenset[str]:
    if model not in _known_keys:
        _known_keys[model] = frozenset(f.wire for f in field_table(model))
    return _known_keys[model]


def _is_text(key: object) -> TypeGuard[str]:
    """Return whether a key is text itself: ``isinstance`` also takes what a lazy object stands for."""
    return issubclass(type(key), str)


def _hint(model: type[Model], key: object) -> str:
    """Return the key that was probably meant, as the end of a message."""
    if not _is_text(key) or not re.fullmatch(_PLAIN_KEY, key):
        return ""
    names = {f.name: f.wire for f in field_table(model)}
    near = names.get(key) or load("._hints", __package__).nearest(names.values(), key)
    return f"; did you mean {near!r}?" if near else ""


def _spell(path: Path) -> str:
    """Return a path as text: ``CreateOrder.items[3].price``."""
    steps: list[str] = []
    while not isinstance(path, str):
        path, step = path
        steps.append(step)
    return path + "".join(reversed(steps))


def key_in_path(key: object) -> str:
    """Return a key of a mapping as a path shows it: only its type when it may be personal data."""
    return key if _is_text(key) and re.fullmatch(_PLAIN_KEY, key) else f"<{type(key).__name__}>"
