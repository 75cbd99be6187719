"""What the sandbox does with each request that it received: take out the key, check it, read it, shorten it."""

import json
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeVar, cast

from .._json import load
from .._redaction import without_emails
from ..apis.client_action_api import ClientActionApi
from ..apis.postback_api import PostbackApi
from ..apis.score_api import ScoreApi
from ..configuration import API_KEY_HEADER
from ..exceptions import ApiValueError
from ..models._encoder import encode
from ..models._hints import unknown_values
from ..models._model import JsonObject, Model
from ._http import HTTPError, Request

__all__ = ["authorize", "check_media_type", "order_of", "parse", "pop_key", "read_event", "shorten", "user_of"]

_M = TypeVar("_M", bound=Model)

_MAX_PROBLEMS = 20
_MAX_SHOWN = 64
_MAX_REFUSED_BODY = 64 * 1024
_MAX_REFUSED_HEAD = 16 * 1024
_ID = rb'\s*:\s*("(?:[^"\\]|\\.){1,1000}")'
_ORDER_ID = rb'"(?:_orderId|order_id)"' + _ID
_USER_ID = rb'"_userId"' + _ID
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json", re.IGNORECASE)


def pop_key(request: Request) -> bytes:
    """Remove the API key from a request, and return the one that counts for this path."""
    # Headers were decoded as Latin-1; encoding restores the bytes that were received.
    key = request.headers.get(API_KEY_HEADER, "").strip().encode("latin-1")
    del request.headers[API_KEY_HEADER]
    in_query = request.query.pop("api_key", "")
    if request.path == ScoreApi.path:
        return in_query.encode()
    if request.path not in (ClientActionApi.path, PostbackApi.path):
        return key
    try:
        fields = load(request.body)
        secret = fields.pop("secret", None) if isinstance(fields, dict) else None
        if isinstance(secret, str):
            request.body = json.dumps(fields).encode()
    except (ValueError, RecursionError):  # since CPython 3.14, JSON that can be read may be too deep to be written
        return b""
    return secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else b""


def authorize(request: Request, key_place: str) -> None:
    """Refuse a request without the API key.

    :param key_place: where a request to this path has the API key
    """
    if not request.authorized:
        raise HTTPError(401, f"{key_place} is missing, or is not the sandbox's API key")


def read_event(model: type[_M], request: Request, *, validate: bool) -> _M:
    """Return the body of a request as a model, and note its hints.

    :raises HTTPError: the body is not JSON, or not a valid event
    """
    fields = parse(request.body)
    try:
        encode(model, fields, validate=validate)
    except ApiValueError as error:
        raise HTTPError(400, "; ".join(error.problems[:_MAX_PROBLEMS])) from None
    event = model.from_dict(fields)
    request.hints = _hints(event)
    return event


def shorten(request: Request) -> None:
    """Keep a part of a refused request: anybody on this machine may send it, so it must not fill the memory."""
    request.body = request.body[:_MAX_REFUSED_BODY]
    request.path = request.path[:_MAX_REFUSED_HEAD]
    request.query = dict(_first(request.query.items()))
    kept = _first(request.headers.items())
    for name in set(request.headers):
        del request.headers[name]
    for name, value in kept:
        request.headers[name] = value


def _first(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields that fit into the part of a head that is kept."""
    kept: list[tuple[str, str]] = []
    left = _MAX_REFUSED_HEAD
    for name, value in fields:
        size = len(name) + len(value)
        if size <= left:
            kept.append((name, value))
            left -= size
    return kept


def check_media_type(request: Request) -> None:
    """Refuse a body that is not declared as JSON: browsers let any web page send those to this machine."""
    for media_type in request.headers.get_all("Content-Type", []):
        if not _JSON_TYPE.fullmatch(media_type.partition(";")[0].strip()):
            raise HTTPError(415, "Content-Type must be application/json")
    for encoding in request.headers.get_all("Content-Encoding", []):
        if encoding.strip().lower() != "identity":
            advice = {"Accept-Encoding": "identity"}
            raise HTTPError(415, "Content-Encoding must be identity: the sandbox decompresses nothing", advice)


def parse(body: bytes) -> JsonObject:
    """Return a body as a JSON object.

    :raises HTTPError: it is none
    """
    try:
        value: Any = load(body)
    except ValueError as error:
        raise HTTPError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPError(400, "the body is not a JSON object")
    return cast("JsonObject", value)


def order_of(request: Request) -> str:
    """Return the number of the order that a request is about, or an empty text."""
    return request.query.get("order_id", "") or _id_of(request, "order_id", _ORDER_ID)


def user_of(request: Request) -> str:
    """Return the customer's identifier that a request holds, or an empty text."""
    return _id_of(request, "user_id", _USER_ID)


def _id_of(request: Request, name: str, pattern: bytes) -> str:
    if request.event is not None:
        value = getattr(request.event, name, None)
        return value if isinstance(value, str) else ""
    found = re.search(pattern, request.body)  # a refused body may be anything, so it is not parsed
    try:
        return str(load(found[1])) if found else ""
    except ValueError:
        return ""


def _hints(event: Model) -> list[str]:
    """Return a hint for each unknown value. It is accepted, but probably misspelt."""
    hints: list[str] = []
    for path, value, nearest in islice(unknown_values(event), _MAX_PROBLEMS):
        advice = f"; did you mean {nearest!r}?" if nearest else ""
        hints.append(f"unknown value {without_emails(value)[:_MAX_SHOWN]!r} for {path.partition('.')[2]}{advice}")
    return hints
