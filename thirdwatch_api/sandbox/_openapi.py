"""The OpenAPI document of the service, made from the declarations. ``docs/openapi.json`` holds it as well.

It states what travels: 23 operations, four postbacks as webhooks, and all models. What JSON Schema can't say to code
generators without harm is said in words: the rule about ``_userId`` and ``_sessionId`` (``x-identity``), and the known
values of fields, which are examples because any other text is sent as it is.
"""

import inspect
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from .._lazy import load
from ..apis._api import Api
from ..configuration import API_KEY_HEADER
from ..models._encoder import encode
from ..models._model import Model
from ..models._response import ServiceResponse
from ..version import __version__
from ._samples import SAMPLES, sample
from ._schemas import Json, identity_rule, prose, reference, schemas

__all__ = ["DEFAULT_SERVER", "PATH", "openapi", "openapi_json"]

PATH = "/openapi.json"
"""Where the sandbox serves the document."""

DEFAULT_SERVER = {"url": "https://api.thirdwatch.ai", "description": "The service"}

_DESCRIPTION = f"""\
Report what customers of a shop do, and read how risky the service rates their orders.

- Send the API key in the header `{API_KEY_HEADER}`. Three operations take it elsewhere; each says where.
- An event is one JSON object. Leave out what you don't know: `null` is not a value.
- Numbers travel as text (`"2500"`, `"0.5"`), and so do times: milliseconds since the epoch (`"1767225600000"`).
- At least one of `_userId` and `_sessionId` identifies the customer of an event (`x-identity`).
- Known values of a field are examples. The service takes any other text.
- Fields with `x-personal` hold data about a person: keep them out of logs.
- Any response may have more keys than are named here.
- The service documents the status 200 alone. The others are those that a client should be ready for."""

_TAGS: dict[str, tuple[str, str]] = {
    "Accounts": (
        "Customers, and the sessions of visitors who turn out to be customers.",
        "create_account update_account login logout link_session_to_user",
    ),
    "Baskets": ("What customers put together before they order.", "add_to_cart remove_from_cart add_promotion"),
    "Orders": ("Orders to be assessed, and their states.", "create_order update_order order_status item_status"),
    "Payments": ("Payments, refunds, transfers and disputes about them.", "transaction chargeback"),
    "Community": ("What customers write and report.", "send_message submit_review report_item"),
    "Verdicts": ("What the shop knows about a customer: good or bad.", "tag_user un_tag_user"),
    "Custom": ("Behaviour that no other event covers.", "custom_event"),
    "Results": ("Scores of orders, decisions about them, and postbacks.", "score client_action register"),
    # Of their own: generators write a file for each tag, one for operations and one for webhooks.
    "Postbacks": ("What the service sends to the shop.", ""),
}
"""What each group of operations is about, and the operations. The last one is about the webhooks."""

_TAG_OF = {operation: tag for tag, (_, operations) in _TAGS.items() for operation in operations.split()}

_ERRORS = {
    "400": ("BadRequest", "The event was refused; the text says why. Sent again unchanged, it is refused again."),
    "401": ("Unauthorized", "The API key is missing or wrong."),
    "403": ("Forbidden", "The API key may not do this."),
    "429": (
        "TooManyRequests",
        "Too many requests. Wait before the next one: as long as `Retry-After` says, if it is there.",
    ),
    "5XX": ("ServiceError", "The service failed. Send the event again later."),
    "default": (
        "Error",
        "Any other status. As with all errors, the body may also be empty, or not JSON.",
    ),
}
_REFUSAL = "_userId or _sessionId is missing"

_SCORE = {
    "order_id": "o-1001",
    "user_id": "u-42",
    "order_timestamp": "2026-01-01T00:00:00.000Z",
    "score": 82,
    "flag": "red",
    "reasons": [
        {
            "name": "_accountAge",
            "display_name": "Account age",
            "flag": "red",
            "value": "11",
            "is_display": True,
        }
    ],
}
_NOT_READY = {"msg": "there is no such order, or no successful transaction yet"}

_SHOWN_KEY = "YOUR_API_KEY"

_POSTBACKS: dict[str, tuple[str, str, Json]] = {
    "score_postback": (
        "ScorePostback",
        "Receive the score of an order, as soon as the service has one.",
        {name: _SCORE[name] for name in ("order_id", "flag", "score", "reasons")},
    ),
    "action_postback": (
        "ActionPostback",
        "Receive the decision of an analyst about an order.",
        {"order_id": "o-1001", "action_type": "approved", "action_message": ""},
    ),
    "shipping_address_postback": (
        "ShippingAddressPostback",
        "Receive a correction of the address that an order is sent to.",
        {"order_id": "o-1001", "shipping_address": {"name": "Jane Doe", "city": "Gurugram", "zipcode": "122002"}},
    ),
    "payment_link_postback": (
        "PaymentLinkPostback",
        "Receive a new state of the payment link of an order.",
        {
            "entity": "payment_link",
            "api_key": _SHOWN_KEY,
            "payload": {"order_id": "o-1001", "status": "paid", "payment_amount": "2500"},
        },
    ),
}
"""Schema, summary and example of each postback."""


class _Operation(NamedTuple):
    """One method of an API class."""

    api: type[Api]
    name: str
    summary: str
    description: str
    parameter: str
    """What the method takes, described by its docstring."""


def openapi(server: str | None = None) -> Json:
    """Return the document as a dict, which is the caller's own.

    :param server: URL of a server to name before the service's
    """
    document: Json = json.loads(_cached())
    if server:
        document["servers"].insert(0, {"url": server, "description": "This sandbox"})
    return document


def openapi_json(server: str) -> bytes:
    """Return the document as JSON.

    :param server: URL of a server to name before the service's
    """
    return json.dumps(openapi(server), indent=2, ensure_ascii=False).encode()


@cache  # the declarations don't change, and reading the strings below them is slow
def _cached() -> str:
    operations = list(_operations())
    models = load("..models", __package__)
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Thirdwatch API",
                "version": __version__,
                "summary": "Fraud detection for shops: events out, scores back",
                "description": _DESCRIPTION,
                "contact": {"name": "Thirdwatch SDK maintainers"},
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "servers": [DEFAULT_SERVER],
            "tags": [{"name": name, "description": about} for name, (about, _) in _TAGS.items()],
            "paths": {_path(each.api): {_verb(each.api): _operation(each)} for each in operations},
            "webhooks": {name: {"post": _webhook(name)} for name in _POSTBACKS},
            "components": {
                "securitySchemes": _security_schemes(),
                "responses": {name: _error(text) for name, text in _ERRORS.values()},
                "schemas": schemas(getattr(models, name) for name in models.__all__),
            },
        }
    )


def _operations() -> Iterator[_Operation]:
    """Yield the first method of each API class, which is the plain one."""
    apis = load("..apis", __package__)
    for class_name in apis.__all__:
        api: type[Api] = getattr(apis, class_name)
        name, method = next(
            (name, method) for name, method in vars(api).items() if inspect.isfunction(method) and name[0] != "_"
        )
        docstring = inspect.getdoc(method) or ""
        _, _, parameter = docstring.partition(":param ")[2].partition("\n:")[0].partition(": ")
        yield _Operation(api, name, *prose(docstring), prose(parameter)[0])


def _path(api: type[Api]) -> str:
    return api.path if api.at_root else f"/event{api.path}"


def _verb(api: type[Api]) -> str:
    return "get" if issubclass(api.model, ServiceResponse) else "post"


def _operation(operation: _Operation) -> Json:
    api = operation.api
    is_query = _verb(api) == "get"
    made: Json = {
        "operationId": operation.name,
        "tags": [_TAG_OF[operation.name]],
        "summary": operation.summary,
        "description": _description(operation),
        "security": _SECURITY[api.auth],
    }
    if is_query:
        made["parameters"] = [
            {
                "name": "order_id",
                "in": "query",
                "required": True,
                "description": _sentence(operation.parameter),
                "schema": {"type": "string", "minLength": 1},
                "example": SAMPLES["order_id"],
            }
        ]
    else:
        made["requestBody"] = _body(operation)
    made["responses"] = {
        "200": _score_response() if is_query else _acceptance(api.model),
        **{status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in _ERRORS.items()},
    }
    return made


def _description(operation: _Operation) -> str:
    key = {
        "api_key_query": "The API key travels as `api_key` in the query.",
        "api_key_body": "The API key travels as `secret` in the body.",
    }
    parts = [operation.description, key.get(operation.api.auth, "")]
    return "\n\n".join(filter(None, parts)) or operation.summary


def _body(operation: _Operation) -> Json:
    model = operation.api.model
    example = encode(model, sample(model))
    if operation.api.auth == "api_key_body":
        example["secret"] = _SHOWN_KEY
    description = f"{_sentence(operation.parameter)} {identity_rule(model)}".strip()
    return {
        "description": description,
        "required": True,
        "content": _json(reference(model.__name__), {"usual": ("The usual fields", example)}),
    }


def _acceptance(model: type[Model]) -> Json:
    text = f"{model.__name__} received"
    return {
        "description": "It was accepted.",
        "content": _json(reference("EventResponse"), {"accepted": ("It was accepted", {"message": text})}),
    }


def _score_response() -> Json:
    examples = {
        "score": ("The order has a score", _SCORE),
        "not_ready": ("There is no score yet: ask again later", _NOT_READY),
    }
    return {
        "description": "The score; or, without `score`, the reason why there is none yet. Then ask again later.",
        "content": _json(reference("ScoreResponse"), examples),
    }


def _error(text: str) -> Json:
    return {
        "description": text,
        "content": _json(reference("ErrorResponse"), {"refused": ("It was refused", {"error": _REFUSAL})}),
    }


def _webhook(name: str) -> Json:
    schema, summary, example = _POSTBACKS[name]
    in_body = "api_key" in example
    place = "as `api_key` in the body" if in_body else f"in the header `{API_KEY_HEADER}`"
    return {
        "operationId": name,
        "tags": ["Postbacks"],
        "summary": summary,
        "description": f"The service sends your own API key {place}. Compare it before you believe the rest.",
        "security": [] if in_body else _SECURITY["api_key"],
        "requestBody": {
            "required": True,
            "content": _json(reference(schema), {"postback": ("A postback", example)}),
        },
        "responses": {
            "200": {"description": "You took it. Nothing suggests that the service reads the body."},
            "400": {"description": "You could not read it."},
            "401": {"description": "It lacks your API key."},
            "500": {"description": "You failed to act on it."},
        },
    }


_SECURITY: dict[str, list[Json]] = {
    "api_key": [{"api_key": []}],
    "api_key_query": [{"api_key_query": []}],
    "api_key_body": [],  # OpenAPI has no security scheme for a body; the schema requires `secret`
}


def _security_schemes() -> Json:
    about = "The raw key, without a scheme word."
    return {
        "api_key": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER, "description": about},
        "api_key_query": {"type": "apiKey", "in": "query", "name": "api_key", "description": about},
    }


def _json(schema: Json, examples: dict[str, tuple[str, Any]]) -> Json:
    named = {name: {"summary": summary, "value": value} for name, (summary, value) in examples.items()}
    return {"application/json": {"schema": schema, "examples": named}}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
