"""The models, one a file."""

from typing import TYPE_CHECKING

from .._lazy import importer, module_name

if TYPE_CHECKING:
    from .add_promotion import AddPromotion
    from .add_to_cart import AddToCart
    from .billing_address import BillingAddress
    from .chargeback import Chargeback
    from .client_action import ClientAction
    from .create_account import CreateAccount
    from .create_order import CreateOrder
    from .custom import Custom
    from .custom_info import CustomInfo
    from .error_response import ErrorResponse
    from .event_response import EventResponse
    from .item import Item
    from .item_status import ItemStatus
    from .link_session_to_user import LinkSessionToUser
    from .login import Login
    from .logout import Logout
    from .order_status import OrderStatus
    from .payment_method import PaymentMethod
    from .postback_urls import PostbackUrls
    from .promotion import Promotion
    from .reason import Reason
    from .remove_from_cart import RemoveFromCart
    from .report_item import ReportItem
    from .score_response import ScoreResponse
    from .seller import Seller
    from .send_message import SendMessage
    from .shipping_address import ShippingAddress
    from .submit_review import SubmitReview
    from .tag import Tag
    from .transaction import Transaction
    from .un_tag import UnTag
    from .update_account import UpdateAccount
    from .update_order import UpdateOrder

__all__ = [
    "AddPromotion",
    "AddToCart",
    "BillingAddress",
    "Chargeback",
    "ClientAction",
    "CreateAccount",
    "CreateOrder",
    "Custom",
    "CustomInfo",
    "ErrorResponse",
    "EventResponse",
    "Item",
    "ItemStatus",
    "LinkSessionToUser",
    "Login",
    "Logout",
    "OrderStatus",
    "PaymentMethod",
    "PostbackUrls",
    "Promotion",
    "Reason",
    "RemoveFromCart",
    "ReportItem",
    "ScoreResponse",
    "Seller",
    "SendMessage",
    "ShippingAddress",
    "SubmitReview",
    "Tag",
    "Transaction",
    "UnTag",
    "UpdateAccount",
    "UpdateOrder",
]


def _module_of(name: str) -> str | None:
    if name in __all__:
        return "." + module_name(name)
    return "." + name if name in ("values", *map(module_name, __all__)) else None


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # pragma: no branch - type checkers see the imports above
    __getattr__ = importer(__name__, _module_of)
