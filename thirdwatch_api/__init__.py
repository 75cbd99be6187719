"""The Python SDK of the Thirdwatch fraud-detection service.

Set a key, build an event, send it::

    import thirdwatch_api

    thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = "YOUR_API_KEY"
    event = thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
    print(thirdwatch_api.OrderStatusApi().order_status(event))
"""

from typing import TYPE_CHECKING

from ._lazy import importer, module_name
from .configuration import Configuration
from .exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ConflictException,
    ConnectionException,
    ForbiddenException,
    InvalidResponseException,
    NotFoundException,
    OutboxCorruptException,
    OutboxException,
    OutboxFullException,
    RedirectException,
    ScoreNotReadyException,
    ServiceException,
    TimeoutException,
    TLSException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
)
from .version import __version__

if TYPE_CHECKING:
    from .api_client import ApiClient, ApiResponse
    from .apis import (
        AddPromotionApi,
        AddToCartApi,
        ChargebackApi,
        ClientActionApi,
        CreateAccountApi,
        CreateOrderApi,
        CustomEventApi,
        ItemStatusApi,
        LinkSessionToUserApi,
        LoginApi,
        LogoutApi,
        OrderStatusApi,
        PostbackApi,
        RemoveFromCartApi,
        ReportItemApi,
        ScoreApi,
        SendMessageApi,
        SubmitReviewApi,
        TagAPIApi,
        TransactionApi,
        UntagAPIApi,
        UpdateAccountApi,
        UpdateOrderApi,
    )
    from .attempt import Attempt
    from .callbacks import PendingCall
    from .models import (
        AddPromotion,
        AddToCart,
        BillingAddress,
        Chargeback,
        ClientAction,
        CreateAccount,
        CreateOrder,
        Custom,
        CustomInfo,
        ErrorResponse,
        EventResponse,
        Item,
        ItemStatus,
        LinkSessionToUser,
        Login,
        Logout,
        OrderStatus,
        PaymentMethod,
        PostbackUrls,
        Promotion,
        Reason,
        RemoveFromCart,
        ReportItem,
        ScoreResponse,
        Seller,
        SendMessage,
        ShippingAddress,
        SubmitReview,
        Tag,
        Transaction,
        UnTag,
        UpdateAccount,
        UpdateOrder,
    )
    from .models.score_response import RISK_THRESHOLD

__all__ = [
    "RISK_THRESHOLD",
    "AddPromotion",
    "AddPromotionApi",
    "AddToCart",
    "AddToCartApi",
    "ApiClient",
    "ApiException",
    "ApiResponse",
    "ApiTypeError",
    "ApiValueError",
    "Attempt",
    "BadRequestException",
    "BillingAddress",
    "Chargeback",
    "ChargebackApi",
    "ClientAction",
    "ClientActionApi",
    "Configuration",
    "ConflictException",
    "ConnectionException",
    "CreateAccount",
    "CreateAccountApi",
    "CreateOrder",
    "CreateOrderApi",
    "Custom",
    "CustomEventApi",
    "CustomInfo",
    "ErrorResponse",
    "EventResponse",
    "ForbiddenException",
    "InvalidResponseException",
    "Item",
    "ItemStatus",
    "ItemStatusApi",
    "LinkSessionToUser",
    "LinkSessionToUserApi",
    "Login",
    "LoginApi",
    "Logout",
    "LogoutApi",
    "NotFoundException",
    "OrderStatus",
    "OrderStatusApi",
    "OutboxCorruptException",
    "OutboxException",
    "OutboxFullException",
    "PaymentMethod",
    "PendingCall",
    "PostbackApi",
    "PostbackUrls",
    "Promotion",
    "Reason",
    "RedirectException",
    "RemoveFromCart",
    "RemoveFromCartApi",
    "ReportItem",
    "ReportItemApi",
    "ScoreApi",
    "ScoreNotReadyException",
    "ScoreResponse",
    "Seller",
    "SendMessage",
    "SendMessageApi",
    "ServiceException",
    "ShippingAddress",
    "SubmitReview",
    "SubmitReviewApi",
    "TLSException",
    "Tag",
    "TagAPIApi",
    "TimeoutException",
    "TooManyRequestsException",
    "Transaction",
    "TransactionApi",
    "UnTag",
    "UnauthorizedException",
    "UnprocessableEntityException",
    "UntagAPIApi",
    "UpdateAccount",
    "UpdateAccountApi",
    "UpdateOrder",
    "UpdateOrderApi",
    "__version__",
    "configuration",
]

_ELSEWHERE = {
    "ApiClient": ".api_client",
    "ApiResponse": ".api_client",
    "Attempt": ".attempt",
    "PendingCall": ".callbacks",
    "RISK_THRESHOLD": ".models.score_response",
}
_MODULES = ("api_client", "apis", "callbacks", "models", "outbox", "postback", "rest", "sandbox")


def _module_of(name: str) -> str | None:
    if name in _MODULES:
        return "." + name
    if name in __all__:
        return _ELSEWHERE.get(name) or f".{'apis' if name.endswith('Api') else 'models'}.{module_name(name)}"
    return None


def __dir__() -> list[str]:
    own = {name for name in globals() if name.startswith("__")}
    return sorted(own | {*__all__, *_MODULES, "exceptions", "version"})


if not TYPE_CHECKING:  # pragma: no branch - type checkers see the imports above
    __getattr__ = importer(__name__, _module_of)

configuration: Configuration = Configuration()
"""Settings of the client that API objects without one of their own share."""
