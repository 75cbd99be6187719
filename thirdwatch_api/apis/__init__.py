"""The API classes, one a file: 20 that send events, and three for what comes back."""

from typing import TYPE_CHECKING

from .._lazy import importer, module_name

if TYPE_CHECKING:
    from .add_promotion_api import AddPromotionApi
    from .add_to_cart_api import AddToCartApi
    from .chargeback_api import ChargebackApi
    from .client_action_api import ClientActionApi
    from .create_account_api import CreateAccountApi
    from .create_order_api import CreateOrderApi
    from .custom_event_api import CustomEventApi
    from .item_status_api import ItemStatusApi
    from .link_session_to_user_api import LinkSessionToUserApi
    from .login_api import LoginApi
    from .logout_api import LogoutApi
    from .order_status_api import OrderStatusApi
    from .postback_api import PostbackApi
    from .remove_from_cart_api import RemoveFromCartApi
    from .report_item_api import ReportItemApi
    from .score_api import ScoreApi
    from .send_message_api import SendMessageApi
    from .submit_review_api import SubmitReviewApi
    from .tag_api_api import TagAPIApi
    from .transaction_api import TransactionApi
    from .untag_api_api import UntagAPIApi
    from .update_account_api import UpdateAccountApi
    from .update_order_api import UpdateOrderApi

__all__ = [
    "AddPromotionApi",
    "AddToCartApi",
    "ChargebackApi",
    "ClientActionApi",
    "CreateAccountApi",
    "CreateOrderApi",
    "CustomEventApi",
    "ItemStatusApi",
    "LinkSessionToUserApi",
    "LoginApi",
    "LogoutApi",
    "OrderStatusApi",
    "PostbackApi",
    "RemoveFromCartApi",
    "ReportItemApi",
    "ScoreApi",
    "SendMessageApi",
    "SubmitReviewApi",
    "TagAPIApi",
    "TransactionApi",
    "UntagAPIApi",
    "UpdateAccountApi",
    "UpdateOrderApi",
]


def _module_of(name: str) -> str | None:
    if name in __all__:
        return "." + module_name(name)
    return "." + name if name in ("options", *map(module_name, __all__)) else None


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:  # pragma: no branch - type checkers see the imports above
    __getattr__ = importer(__name__, _module_of)
