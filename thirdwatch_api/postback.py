"""Postbacks: what the service sends to a shop, verified and parsed. It works with any web framework.

from thirdwatch_api import postback

try:
    notice = postback.parse(request.headers, request.body)
except postback.PostbackException as error:
    return respond({"error": error.reason}, status=error.status)
if isinstance(notice, postback.ActionPostback) and notice.action_type == "approved":
    release(notice.order_id)
"""

import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from ._json import load
from .configuration import API_KEY_HEADER, Configuration, default_configuration
from .exceptions import ApiException, ApiTypeError, ApiValueError, BadRequestException, UnauthorizedException
from .models._fields import Kind, field_table
from .models._postbacks import ActionPostback, PaymentLinkPostback, ScorePostback, ShippingAddressPostback, TestPing
from .models._response import ServiceResponse
from .models.shipping_address import ShippingAddress

__all__ = [
    "MAX_BODY",
    "ActionPostback",
    "BadPostbackException",
    "PaymentLinkPostback",
    "Postback",
    "PostbackException",
    "ScorePostback",
    "ShippingAddressPostback",
    "TestPing",
    "UnauthorizedPostbackException",
    "parse",
]

MAX_BODY = 64 * 1024
"""The most bytes of a body; a score with all its reasons has a tenth of that."""

Postback: TypeAlias = ScorePostback | ActionPostback | ShippingAddressPostback | PaymentLinkPostback | TestPing
"""What ``parse`` returns."""


class _Items(Protocol):
    def items(self) -> Iterable[tuple[Any, Any]]: ...


Headers: TypeAlias = _Items | Iterable[tuple[Any, Any]]

_N = TypeVar("_N", bound=ServiceResponse)
_LOWER = API_KEY_HEADER.lower()
_NAMES = frozenset({_LOWER, "http_" + _LOWER.replace("-", "_")})  # the second is how WSGI spells it
_NONE = ("", "none")
_PROBLEMS = (
    (UnicodeDecodeError, "it is not UTF-8"),
    (UnicodeEncodeError, "it holds half of a surrogate pair"),  # which would fail later, in the shop's database
    (json.JSONDecodeError, "it is not JSON"),
    (RecursionError, "it is nested too deep"),
)
"""Errors of reading a body whose own text may quote it, and what is wrong. Other texts quote nothing."""
_ADDRESS = {f.name: f for f in field_table(ShippingAddress)}


class PostbackException(ApiException):
    """A postback that is refused: ``status`` is the HTTP status to respond with, ``reason`` quotes nothing of it."""

    hint: str = "Do not act on it."


class UnauthorizedPostbackException(PostbackException, UnauthorizedException):
    """A postback that does not prove that the service sent it (401)."""

    hint: str = f'Do not act on it. If the service did send it, check configuration.api_key["{API_KEY_HEADER}"].'


class BadPostbackException(PostbackException, BadRequestException):
    """A postback that can't be read (400)."""


def parse(headers: Headers, body: bytes | str, configuration: Configuration | None = None) -> Postback:
    """Check that a postback comes from the service, and parse it.

    Its fields decide its kind. Only a TestPing carries no key: respond with 200, and do nothing. The key is checked
    first, so a body that can't be read is a 401 when the key is wrong.

    :param headers: the headers of the request: a mapping or pairs, in any letter case; a WSGI environ works as well
    :param body: the body of the request, as it came; at most ``MAX_BODY`` bytes
    :param configuration: holds the key to compare with; default: ``thirdwatch_api.configuration``
    :raises UnauthorizedPostbackException: it carries no key, a wrong one, or several
    :raises BadPostbackException: it is too large, is not a JSON object, or lacks a field of its kind
    :raises ApiValueError: there is no key in the configuration to check with
    :raises ApiTypeError: headers or body have a wrong type
    """
    key = _configured_key(configuration)
    given = _keys_in(headers)
    if given and (len(given) > 1 or not _is_same(given[0], key)):
        raise _unauthorized("a wrong API key, or several")
    fields, problem = _load(body)
    if fields.get("test") is True and len(fields) == 1:
        return TestPing()
    own_key = fields.pop("api_key", None)
    # A postback about a payment link carries the key in its body, all others in a header, which was checked above.
    authorized = _is_same(own_key, key) if "entity" in fields else bool(given)
    if not authorized:
        raise _unauthorized("no API key, or a wrong one")
    if problem:
        raise _bad(problem)
    return _read(fields)


def _configured_key(configuration: Configuration | None) -> bytes:
    settings = default_configuration() if configuration is None else configuration
    key = settings.get_api_key_with_prefix(API_KEY_HEADER)
    if not key:
        raise ApiValueError("no API key to check postbacks with: set it in the configuration")
    return key.encode()


def _keys_in(headers: Any) -> list[object]:
    """Return all values of the header with the key, in the form of any framework."""
    given: list[object] = []
    try:
        for name, value in headers.items() if hasattr(headers, "items") else headers:
            text = name.decode("latin-1") if isinstance(name, bytes) else name
            if isinstance(text, str) and text.lower() in _NAMES:
                given.extend(value if isinstance(value, (list, tuple)) else [value])
    except (TypeError, ValueError):
        raise ApiTypeError("headers: expected a mapping, or pairs of name and value") from None
    return given


def _is_same(given: object, key: bytes) -> bool:
    """Compare in constant time, which reveals nothing about the key."""
    forms = [given] if isinstance(given, bytes) else []
    if isinstance(given, str):
        forms = [given.encode("utf-8", "surrogatepass")]
        if all(character <= "\xff" for character in given):
            # Frameworks decode the bytes of a header as Latin-1; this gives the bytes back.
            forms.append(given.encode("latin-1"))
    return any([hmac.compare_digest(form.strip(b" \t"), key) for form in forms])  # noqa: C419 - compares all of them


def _load(body: object) -> tuple[dict[str, Any], str]:
    """Return the JSON object of the body and no problem, or an empty one and the problem."""
    if not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise ApiTypeError(f"body: expected bytes or text, got {type(body).__name__}")
    start = body[: MAX_BODY + 1]
    data = start.encode("utf-8", "surrogatepass") if isinstance(start, str) else bytes(start)
    if len(data) > MAX_BODY:
        return {}, f"the body is larger than {MAX_BODY} bytes"
    try:
        fields = load(data)
        json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        # Return the problem, and raise it elsewhere: the context of this error holds the whole body.
        problem = next((text for kind, text in _PROBLEMS if isinstance(error, kind)), str(error))
        return {}, f"the body can't be read: {problem}"
    return (fields, "") if isinstance(fields, dict) else ({}, "the body is not a JSON object")


def _read(fields: dict[str, Any]) -> Postback:
    if "test" in fields:
        raise _bad("a trial call has no field but test")
    if "entity" in fields:
        return _read_entity(fields)
    kinds = [name for name in ("flag", "action_type", "shipping_address") if fields.get(name) is not None]
    if kinds == ["flag"]:
        return _build(ScorePostback, fields)
    if kinds == ["action_type"]:
        if str(fields.get("action_message", "")).strip().lower() in _NONE:
            fields["action_message"] = None
        return _build(ActionPostback, fields)
    if kinds == ["shipping_address"]:
        return _read_address(fields)
    raise _bad("it needs exactly one of flag, action_type and shipping_address")


def _read_entity(fields: dict[str, Any]) -> PaymentLinkPostback:
    entity, payload = fields.pop("entity"), fields.pop("payload", None)
    if entity != "payment_link":
        raise _bad("its entity is not payment_link")
    if payload is None:
        raise _bad("it lacks payload")
    if not isinstance(payload, dict):
        raise _bad("payload is not an object")
    payload.pop("api_key", None)
    return _build(PaymentLinkPostback, {**fields, **payload})


def _read_address(fields: dict[str, Any]) -> ShippingAddressPostback:
    """Read an address. Its keys lack the underscore that they have in events."""
    given = fields["shipping_address"]
    if not isinstance(given, dict):
        raise _bad("shipping_address is not an object")
    known = {_ADDRESS[name].wire: value for name, value in given.items() if name in _ADDRESS}
    for name, f in _ADDRESS.items():
        value = known.get(f.wire)
        if f.kind is Kind.TEXT and _is_whole(value):
            known[f.wire] = str(value)
        elif value is not None and not isinstance(value, bool if f.kind is Kind.BOOL else str):
            raise _bad(f"shipping_address.{name} has a wrong type")
    notice = _build(ShippingAddressPostback, {**fields, "shipping_address": known})
    if unknown := {name: value for name, value in given.items() if name not in _ADDRESS}:
        notice.additional_properties["shipping_address"] = unknown
    return notice


def _build(kind: type[_N], fields: Mapping[str, Any]) -> _N:
    for f in field_table(kind):
        value = fields.get(f.wire)
        if not (f.required and f.kind is Kind.TEXT):
            continue
        if value is None or (isinstance(value, str) and not value.strip()):
            raise _bad(f"it lacks {f.name}")
        if not (_is_whole(value) or isinstance(value, str)):
            raise _bad(f"{f.name} is not text")
    return kind.from_dict(fields)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _unauthorized(what: str) -> UnauthorizedPostbackException:
    return UnauthorizedPostbackException(401, f"the postback carries {what}")


def _bad(why: str) -> BadPostbackException:
    return BadPostbackException(400, f"the postback was not understood: {why}")
