"""Promotion: a part of other models."""

from dataclasses import dataclass

from ._fields import Text
from ._model import Model
from .values import PromotionFailureValue, PromotionStatusValue

__all__ = ["Promotion"]


@dataclass(repr=False, slots=True)
class Promotion(Model):
    """A coupon, referral bonus or credit, and whether applying it worked."""

    promotion_id: Text | None = None
    """Coupon code or internal id, preferably one id per promotion for all customers, for instance ``Welcome``."""

    status: PromotionStatusValue | Text | None = None
    """Outcome of applying it; failed tries help to spot abuse. The service spells one of the values with a capital."""

    description: Text | None = None
    """What the promotion is."""

    amount: Text | None = None
    """Money or credits it is worth, as decimal text."""

    min_purchase_amount: Text | None = None
    """Smallest spend that qualifies, as decimal text."""

    referrer_user_id: Text | None = None
    """User id of whoever passed the promotion on."""

    failure_reason: PromotionFailureValue | Text | None = None
    """Why it was refused."""

    percentage_off: Text | None = None
    """Size of a percentage discount: the bare number, without a sign, for instance ``10``."""

    currency_code: Text | None = None
    """Currency of the money values beside it (ISO 4217), for instance ``INR``; unofficial codes for points or crypto
    are tolerated."""

    type: Text | None = None
    """The merchant's own label for the kind of promotion, for instance ``Refer`` or ``Diwali``."""
