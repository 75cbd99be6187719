"""Kinds of events: which API class sends them, and which order they belong to."""

import random
import re
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from json import loads
from typing import Any, NamedTuple
from zlib import crc32

from .._lazy import load, module_name
from ..apis._api import Api
from ..apis.client_action_api import ClientActionApi
from ..exceptions import ApiTypeError, ApiValueError
from ..models._encoder import to_json
from ..models._model import Model

__all__ = ["SLOTS", "Kind", "encode_event", "find_kind", "kinds_by_name", "order_key", "slot_of"]

SLOTS = 256
"""Number of groups that orders are spread over; a part of a relay takes some of them."""

_PLAIN_KEY = r"[ -~]{1,190}"  # fits every column and collation as it is


class Kind(NamedTuple):
    """What belongs to one kind of event."""

    name: str
    """The model's name in lower case: ``create_order``."""

    api: type[Api]
    """The class that sends it."""

    order_key: str | None
    """The wire key of the order's number; None where the model has none."""


@cache
def _kinds() -> Mapping[type[Model], Kind]:
    apis = load("..apis", __package__)
    senders: list[type[Api]] = [getattr(apis, name) for name in apis.__all__]
    events = [api for api in senders if not api.at_root or api is ClientActionApi]
    return {
        api.model: Kind(module_name(api.model.__name__), api, api.model.attribute_map.get("order_id")) for api in events
    }


@cache
def kinds_by_name() -> Mapping[str, Kind]:
    """Return all kinds by their names."""
    return {kind.name: kind for kind in _kinds().values()}


def find_kind(event: object, name: str | None = None) -> Kind:
    """Return the kind of an event.

    :param event: a model; a mapping only with ``name``
    :param name: the kind's name, where the event is a dict
    :raises ApiTypeError: the event is neither
    :raises ApiValueError: there is no such kind, or the event is of another one
    """
    found = next((_kinds()[base] for base in type(event).__mro__ if base in _kinds()), None)
    named = None if name is None else kinds_by_name().get(name)
    if name is not None and named is None:
        raise ApiValueError(f"kind: there is no {name!r}; there are {', '.join(sorted(kinds_by_name()))}")
    if found is not None and named not in (None, found):
        raise ApiValueError(f"kind: {name!r} was given, and the event is {found.name!r}")
    kind = found or named
    if kind is None or not (found or isinstance(event, Mapping)):
        if isinstance(event, Mapping):
            raise ApiValueError('kind: is missing; name what the dict is: add(event, kind="create_order")')
        raise ApiTypeError(f"event: expected a model that can be sent, or a dict, got {type(event).__name__}")
    return kind


def encode_event(event: object, kind: Kind) -> tuple[str, str | None]:
    """Check an event, and return its JSON and the number of its order.

    :raises ApiValueError: it has problems; all of them are listed with their paths
    """
    text = to_json(kind.api.model, event)
    if kind.order_key is None:
        return text, None
    fields: dict[str, Any] = loads(text)
    return text, fields.get(kind.order_key) or None


def order_key(key: str | None) -> str | None:
    """Return the text under which a key is stored: itself, or a digest where not every database could hold it."""
    if not key:
        return None
    return (
        key if re.fullmatch(_PLAIN_KEY, key) else "sha256:" + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    )


def slot_of(key: str | None) -> int:
    """Return the group of a key; a random one where no order is kept."""
    if key is None:
        return random.randrange(SLOTS)  # noqa: S311 - spreads load, hides nothing
    return crc32(key.encode()) % SLOTS
