"""Events to build, check and serialize: as models, and as the dict literals that one writes by hand."""

import json
from typing import Any

from thirdwatch_api import BillingAddress, CreateOrder, Item, OrderStatus, PaymentMethod, ShippingAddress
from thirdwatch_api.models._encoder import to_json
from thirdwatch_api.models._model import Model

from .clients import Call

__all__ = ["ENCODINGS", "order_dict", "order_status", "order_status_dict"]

_ITEMS = 20


def _body(model: type[Model], event: Model | dict[str, Any]) -> bytes:
    """What happens to an event between the method that takes it and the transport."""
    return to_json(model, event).encode()


def order_status() -> OrderStatus:
    """Fill all twelve fields."""
    return OrderStatus(
        user_id="u-42",
        session_id="0123456789abcdef",
        order_id="o-1001",
        order_status="_fulfilled",
        reason="_policy",
        shipping_cost="50",
        tracking_number="55327470",
        tracking_method="https://carrier.example/track",
        source="_manualReview",
        analyst="analyst@shop.example",
        description="Handed to the carrier",
        custom_info={"campaign": "spring", "visits": 3},
    )


def order_status_dict() -> dict[str, Any]:
    """The same by hand."""
    return {
        "_userId": "u-42",
        "_sessionId": "0123456789abcdef",
        "_orderId": "o-1001",
        "_orderStatus": "_fulfilled",
        "_reason": "_policy",
        "_shippingCost": "50",
        "_trackingNumber": "55327470",
        "_trackingMethod": "https://carrier.example/track",
        "_source": "_manualReview",
        "_analyst": "analyst@shop.example",
        "_description": "Handed to the carrier",
        "_customInfo": {"campaign": "spring", "visits": 3},
    }


def _order() -> CreateOrder:
    return CreateOrder(
        user_id="u-42",
        session_id="0123456789abcdef",
        order_id="o-1001",
        user_email="asha@shop.example",
        amount="50000",
        currency_code="INR",
        is_pre_paid=True,
        billing_address=BillingAddress(
            name="Asha Rao",
            phone="+919999999999",
            address1="1 Example Street",
            city="Gurugram",
            region="Haryana",
            country="IN",
            zipcode="122002",
            is_home_address=True,
        ),
        shipping_address=ShippingAddress(
            name="Asha Rao",
            phone="+919999999999",
            address1="1 Example Street",
            city="Gurugram",
            region="Haryana",
            country="IN",
            zipcode="122002",
            is_home_address=True,
        ),
        payment_methods=[
            PaymentMethod(
                payment_type="_creditCard",
                amount="25000",
                currency_code="INR",
                payment_gateway="payu",
                card_bin="411111",
                card_last4="1111",
            )
            for _ in range(2)
        ],
        items=[
            Item(
                item_id="i-7",
                product_title="Canvas bag",
                price="2500",
                currency_code="INR",
                brand="Example",
                category="man > bags",
                quantity=1,
                is_on_sale=False,
            )
            for _ in range(_ITEMS)
        ],
    )


def order_dict() -> dict[str, Any]:
    """Write an order by hand."""
    return {
        "_userId": "u-42",
        "_sessionId": "0123456789abcdef",
        "_orderId": "o-1001",
        "_userEmail": "asha@shop.example",
        "_amount": "50000",
        "_currencyCode": "INR",
        "_isPrePaid": True,
        "_billingAddress": {
            "_name": "Asha Rao",
            "_phone": "+919999999999",
            "_address1": "1 Example Street",
            "_city": "Gurugram",
            "_region": "Haryana",
            "_country": "IN",
            "_zipcode": "122002",
            "_isHomeAddress": True,
        },
        "_shippingAddress": {
            "_name": "Asha Rao",
            "_phone": "+919999999999",
            "_address1": "1 Example Street",
            "_city": "Gurugram",
            "_region": "Haryana",
            "_country": "IN",
            "_zipcode": "122002",
            "_isHomeAddress": True,
        },
        "_paymentMethods": [
            {
                "_paymentType": "_creditCard",
                "_amount": "25000",
                "_currencyCode": "INR",
                "_paymentGateway": "payu",
                "_cardBin": "411111",
                "_cardLast4": "1111",
            }
            for _ in range(2)
        ],
        "_items": [
            {
                "_itemId": "i-7",
                "_productTitle": "Canvas bag",
                "_price": "2500",
                "_currencyCode": "INR",
                "_brand": "Example",
                "_category": "man > bags",
                "_quantity": 1,
                "_isOnSale": False,
            }
            for _ in range(_ITEMS)
        ],
    }


ENCODINGS: dict[str, Call] = {
    "OrderStatus": lambda: _body(OrderStatus, order_status()),
    "OrderStatus as a dict": lambda: _body(OrderStatus, order_status_dict()),
    "json.dumps of OrderStatus": lambda: json.dumps(order_status_dict()),
    "CreateOrder": lambda: _body(CreateOrder, _order()),
    "CreateOrder as a dict": lambda: _body(CreateOrder, order_dict()),
    "json.dumps of CreateOrder": lambda: json.dumps(order_dict()),
}
"""What is measured, by name: a model, the dict that a method takes in its place, and the same dict without us."""
