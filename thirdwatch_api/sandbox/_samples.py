"""Sample values of the fields, for the examples in the OpenAPI document and on the pages of the API classes."""

import re
from typing import TypeVar

from ..models._fields import Field, Kind, field_table
from ..models._help import field_docs
from ..models._model import Model
from ..models.custom_info import CustomInfo

__all__ = ["SAMPLES", "sample"]

_M = TypeVar("_M", bound=Model)

SAMPLES: dict[str, object] = {
    "address1": "1 Example Street",
    "card_bin": "411111",
    "card_last4": "1111",
    "city": "Gurugram",
    "content": "When will my order arrive?",
    "device_ip": "203.0.113.7",
    "is_bad": True,
    "is_pre_paid": True,
    "item_id": "sku-7",
    "item_status": "_fulfilled",
    "name": "Jane Doe",
    "order_id": "o-1001",
    "order_status": "_fulfilled",
    "origin_timestamp": "1767225600000",
    "payment_type": "_creditCard",
    "product_title": "Leather bag",
    "quantity": 1,
    "recipient_user_id": "u-77",
    "review_title": "A good bag",
    "score_postback": "https://shop.example/thirdwatch/score",
    "action_postback": "https://shop.example/thirdwatch/action",
    "seller_id": "s-3",
    "shipping_method": "_physical",
    "subject": "Delivery",
    "transaction_id": "t-9001",
    "user_email": "jane@example.com",
    "user_id": "u-42",
}
"""Values of fields, by name, where the declaration names none or a less suitable one."""

_ONLY_IN: dict[str, dict[str, object]] = {
    "Custom": {"custom_info": CustomInfo({"page": "size-guide", "seconds": 40})},
    "LinkSessionToUser": {"session_id": "s-5f2c"},
}
"""Values of fields in one model only."""

_LEFT_OUT = frozenset(
    {"age", "analyst", "failure_reason", "gender", "percentage_off", "reason", "source", "tags", "type"}
)
"""Fields that are left out, because they would contradict another one or add nothing."""

_INSTANCE = re.compile(r"for instance\s+``([^`]+)``")


def sample(model: type[_M]) -> _M:
    """Return an instance of a model with sensible values."""
    event = model()
    values = SAMPLES | _ONLY_IN.get(model.__name__, {})
    docs = field_docs(model)
    for f in field_table(model):
        value = values.get(f.name)
        if f.name not in _LEFT_OUT and (f.kind is not Kind.FREE or value):
            setattr(event, f.name, value or _declared_value(f, docs.get(f.name, "")))
    return event


def _declared_value(f: Field, doc: str) -> object:
    """Return a value that the declaration names: a known one, or the one that the documentation has."""
    if f.model:
        part = sample(f.model)
        return [part] if f.kind is Kind.LIST else part
    named = _INSTANCE.search(doc)
    return f.known[0] if f.known else named and named[1]
