"""Sample values of the fields, for the examples on the pages of the API classes."""

from thirdwatch_api import CustomInfo

__all__ = ["LEFT_OUT", "ONLY_IN", "SAMPLES"]

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

ONLY_IN: dict[str, dict[str, object]] = {
    "Custom": {"custom_info": CustomInfo({"page": "size-guide", "seconds": 40})},
    "LinkSessionToUser": {"session_id": "s-5f2c"},
}
"""Values of fields in one model only."""

LEFT_OUT = frozenset(
    {"age", "analyst", "failure_reason", "gender", "percentage_off", "reason", "source", "tags", "type"}
)
"""Fields that are left out, because they would contradict another one or add nothing."""
