"""The kinds of postbacks, which the service sends to a shop. ``thirdwatch_api.postback`` reads them."""

from dataclasses import dataclass, field
from typing import ClassVar

from ._fields import Personal, Required
from ._response import ServiceResponse
from .reason import Reason
from .shipping_address import ShippingAddress
from .values import AnalystActionValue, FlagValue, PaymentLinkStatusValue

__all__ = ["ActionPostback", "PaymentLinkPostback", "ScorePostback", "ShippingAddressPostback", "TestPing"]


@dataclass(repr=False, slots=True)
class ScorePostback(ServiceResponse):
    """The score of an order, sent when the service has one."""

    order_id: Required[str] | None = None
    """Number of the order."""

    flag: Required[FlagValue | str] | None = None
    """Colour of the verdict. Treat an unknown value as bad, as shops' plugins do."""

    score: float | None = None
    """Risk: the higher, the riskier; a whole number so far. None when the service sent none."""

    reasons: list[Reason] = field(default_factory=list[Reason])
    """Signals that fed the score."""


@dataclass(repr=False, slots=True)
class ActionPostback(ServiceResponse):
    """The decision of an analyst about an order, made on the dashboard."""

    order_id: Required[str] | None = None
    """Number of the order."""

    action_type: Required[AnalystActionValue | str] | None = None
    """The decision."""

    action_message: Personal[str] | None = None
    """The analyst's remark; None when there is none (the service may also send ``none``)."""


@dataclass(repr=False, slots=True)
class ShippingAddressPostback(ServiceResponse):
    """A correction of the address that an order is sent to."""

    order_id: Required[str] | None = None
    """Number of the order."""

    shipping_address: Required[ShippingAddress] | None = None
    """The corrected address, as the models of events write it; what did not change may be None."""


@dataclass(repr=False, slots=True)
class PaymentLinkPostback(ServiceResponse):
    """A new state of the payment link of an order."""

    order_id: Required[str] | None = None
    """Number of the order."""

    status: Required[PaymentLinkStatusValue | str] | None = None
    """State of the link. Shops' plugins act on ``paid`` alone."""

    payment_link: Personal[str] | None = None
    """URL of the link."""

    discount: str | None = None
    """Discount for paying by the link."""

    payment_amount: str | None = None
    """What was paid."""

    order_amount: str | None = None
    """Total of the order."""


@dataclass(repr=False, slots=True)
class TestPing(ServiceResponse):
    """The shop's own test call. It has no key, so anybody may have sent it; it is about no order."""

    __test__: ClassVar[bool] = False  # else pytest collects it as a test, by its name
