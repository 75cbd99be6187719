"""The models as JSON Schema, for the OpenAPI document."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ..models._fields import Field, Kind, field_table
from ..models._help import field_docs
from ..models._model import Model
from ..models._postbacks import ActionPostback, PaymentLinkPostback, ScorePostback, ShippingAddressPostback
from ..models._response import ServiceResponse
from ..models.client_action import ClientAction
from ..models.error_response import ErrorResponse
from ..models.event_response import EventResponse
from ..models.postback_urls import PostbackUrls
from ..models.score_response import ScoreResponse
from ..models.shipping_address import ShippingAddress

__all__ = ["Json", "identity_rule", "prose", "reference", "schemas"]

Json: TypeAlias = dict[str, Any]

_TYPES: dict[Kind, Json] = {
    Kind.TEXT: {"type": "string"},
    Kind.BOOL: {"type": "boolean"},
    Kind.INT: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.TIME: {"type": "string", "format": "date-time"},
}
_MILLISECONDS = r"^[0-9]{11,}$"
"""Milliseconds as digits. Ten digits are seconds, which the service reads as January 1970."""

_KEY = {"type": "string", "format": "password"}
_TEXTS: dict[type[Model], tuple[str, ...]] = {
    model: model.json_keys["message"] for model in (EventResponse, ErrorResponse)
}
"""Keys that have the text of a response, from the most to the least usual."""

_PYTHON_ONLY = {
    " A plain dict works as well.": "",
    " None when the service sent none.": "",
    ", aware, in UTC": ", in UTC",
    ", or an aware datetime": ", as digits",
    "; `ScoreApi` returns no response without one": "",
    "; `thirdwatch_api.postback` reads what they are sent": "",
    "; None when the response has none": "",
    "None when there is none (the service may also send `none`)": "empty or `none` when there is none",
    "`is_risky` is True when the score is above `thirdwatch_api.RISK_THRESHOLD`, which is 70": "Above 70 it is risky",
    "may be None": "may be missing",
}
"""What the declarations say to users of Python alone, and what is true of JSON."""

_INSTANCE = re.compile(r"for instance\s+`([^`]+)`")


def schemas(models: Iterable[type[Model]]) -> Json:
    """Return the schemas of all models by their names: what events hold, what responses hold, and the postbacks."""
    made = {model.__name__: _schema(model) for model in models}
    for takes_key in (ClientAction, PostbackUrls):
        _add(made[takes_key.__name__], {"secret": {**_KEY, "description": "The API key."}}, required=True)
    for response, keys in _TEXTS.items():
        _add_texts(made[response.__name__], *keys)
    no_score = "Why there is no score yet. Then there is no `score`."
    _add(made[ScoreResponse.__name__], {"msg": {"type": "string", "description": no_score}})
    made |= {model.__name__: _schema(model) for model in (ActionPostback, ScorePostback, ShippingAddressPostback)}
    made["ShippingAddressPostback"]["properties"]["shipping_address"] |= reference("CorrectedAddress")
    made["CorrectedAddress"] = _corrected_address()
    made["PaymentLink"] = _schema(PaymentLinkPostback)
    made["PaymentLinkPostback"] = _payment_link_envelope()
    return dict(sorted(made.items()))


def reference(name: str) -> Json:
    """Return a reference to the schema of a model."""
    return {"$ref": f"#/components/schemas/{name}"}


def identity_rule(model: type[Model]) -> str:
    """Return the rule about the fields that identify the customer, as a sentence; empty when there is no choice."""
    keys = [f"`{key}`" for key in _identity(model)]
    return f"At least one of {' and '.join(keys)} is required, and must not be empty." if len(keys) > 1 else ""


def _identity(model: type[Model]) -> list[str]:
    return [f.wire for f in field_table(model) if f.identity]


def prose(docstring: str | None) -> tuple[str, str]:
    """Return the summary of a docstring and the rest of its text, as Markdown, without what Python alone has."""
    text = re.split(r"^\s*:(?=\w)", docstring or "", maxsplit=1, flags=re.MULTILINE)[0].replace("``", "`")
    text = "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))
    for phrase, instead in _PYTHON_ONLY.items():
        text = text.replace(phrase, instead)
    summary, _, rest = text.partition("\n\n")
    return summary, rest


def _schema(model: type[Model]) -> Json:
    made: Json = {"type": "object", "description": "\n\n".join(filter(None, prose(_own_docstring(model))))}
    if rule := identity_rule(model):
        made |= {"x-identity": rule, **_condition(*_identity(model))}
    docs = field_docs(model)
    _add(made, {f.wire: _property(f, docs.get(f.name, "")) for f in field_table(model)})
    _require(made, _required(model))
    is_free = issubclass(model, (Mapping, ServiceResponse))
    made["additionalProperties"] = is_free
    return made


def _add_texts(schema: Json, key: str, *others: str) -> None:
    """Replace the text of a response by the keys that have it on the wire."""
    text = schema["properties"].pop("message")
    same = {"type": "string", "description": f"The same text, in responses that have no `{key}`."}
    _add(schema, {key: text} | dict.fromkeys(others, same))


def _condition(first: str, second: str) -> Json:
    """Return keywords that require one of two texts.

    Validators know them, and generators skip them. From ``anyOf`` generators make halves of a model.
    """
    lacking, there = (
        {"required": [key], "properties": {key: {"type": "string", "minLength": 1}}} for key in (first, second)
    )
    return {"if": {"not": lacking}, "then": there}


def _own_docstring(model: type[Model]) -> str:
    """Return the docstring of a model without its fields, which ``model.__doc__`` adds."""
    text: str = getattr(vars(model).get("__doc__"), "text", "")
    return text


def _required(model: type[Model]) -> list[str]:
    """List the keys that the service refuses the model without."""
    if model is ScoreResponse:  # as long as there is no score, the service sends a message instead
        return []
    identity = _identity(model)
    return [f.wire for f in field_table(model) if f.required or [f.wire] == identity]


def _property(f: Field, doc: str) -> Json:
    made: Json = {}
    if f.kind is Kind.LIST and f.model:
        made = {"type": "array", "items": reference(f.model.__name__)}
    else:
        made = reference(f.model.__name__) if f.model else dict(_TYPES[f.kind])
    text = " ".join(filter(None, prose(doc)))
    if f.known:
        named = ", ".join(f"`{value}`" for value in f.known)
        text += f" Known value{'s' * (len(f.known) > 1)}: {named}; any other text is possible."
    made["description"] = text
    if f.milliseconds:
        made["pattern"] = _MILLISECONDS
    examples = list(f.known) or _INSTANCE.findall(text)
    if examples and f.kind is Kind.TEXT:
        made["examples"] = examples
    if f.personal:
        made["x-personal"] = True
    return made


def _add(schema: Json, properties: Json, *, required: bool = False) -> None:
    if properties:
        schema.setdefault("properties", {}).update(properties)
    if required:
        _require(schema, properties)


def _require(schema: Json, names: Iterable[str]) -> None:
    if required := [*schema.get("required", ()), *names]:
        schema["required"] = required
    for name in names:
        if schema["properties"][name].get("type") == "string":
            schema["properties"][name]["minLength"] = 1


def _corrected_address() -> Json:
    """Return the schema of the address in a postback, whose keys lack the underscore that they have in events."""
    docs = field_docs(ShippingAddress)
    properties = {f.name: _property(f, docs.get(f.name, "")) for f in field_table(ShippingAddress)}
    description = "A corrected address; what did not change may be missing."
    return {"type": "object", "description": description, "properties": properties, "additionalProperties": True}


def _payment_link_envelope() -> Json:
    description = "The state of the payment link of an order. It has the API key in its body, not in a header."
    schema: Json = {
        "type": "object",
        "description": description,
        "properties": {
            "entity": {"type": "string", "const": "payment_link", "description": "Kind of the postback."},
            "api_key": {**_KEY, "description": "The shop's own API key. Compare it before you believe the rest."},
            "payload": reference("PaymentLink"),
        },
        "additionalProperties": True,
    }
    _require(schema, ["entity", "api_key", "payload"])
    return schema
