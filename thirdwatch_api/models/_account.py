"""The fields that CreateAccount and UpdateAccount share."""

from collections.abc import Sequence
from dataclasses import dataclass

from ._bases import TimedEvent
from ._fields import Personal, Text
from ._model import JsonObject
from .billing_address import BillingAddress
from .custom_info import CustomInfo
from .payment_method import PaymentMethod
from .promotion import Promotion
from .shipping_address import ShippingAddress
from .values import AccountStatusValue, GenderValue, OutcomeValue, SignOnTypeValue

__all__ = ["Account"]


@dataclass(init=False, repr=False, eq=False, slots=True)  # a base, never made itself
class Account(TimedEvent):
    """An event about an account."""

    user_email: Personal[Text] | None = None
    """The customer's e-mail address; where shops use e-mail as the account key, repeat it as the user id."""

    first_name: Personal[Text] | None = None
    """Given name of the account holder."""

    last_name: Personal[Text] | None = None
    """Family name of the account holder."""

    phone: Personal[Text] | None = None
    """Main telephone number on the account."""

    age: Personal[Text] | None = None
    """Age in years, for instance ``25``."""

    gender: Personal[GenderValue | Text] | None = None
    """Gender recorded for the account holder."""

    referral_code: Text | None = None
    """Referral or sign-up code the customer entered."""

    referrer_user_id: Text | None = None
    """User id of whoever referred this customer; without it referral abuse cannot be detected."""

    billing_address: BillingAddress | JsonObject | None = None
    """Default billing address on the account."""

    shipping_address: ShippingAddress | JsonObject | None = None
    """Default delivery address on the account."""

    payment_methods: Sequence[PaymentMethod | JsonObject] | None = None
    """Payment instruments stored on the account."""

    promotions: Sequence[Promotion | JsonObject] | None = None
    """Promotions attached to the account; add_promotion can report them separately."""

    social_sign_on_type: SignOnTypeValue | Text | None = None
    """Identity provider behind a social sign-in."""

    email_confirmed_status: OutcomeValue | Text | None = None
    """How far verification of the e-mail address has got."""

    phone_confirmed_status: OutcomeValue | Text | None = None
    """How far verification of the phone number has got."""

    is_newsletter_subscribed: bool | None = None
    """True when the customer opted in to the newsletter."""

    account_status: AccountStatusValue | Text | None = None
    """Whether the account can currently be used."""

    facebook_id: Personal[Text] | None = None
    """Facebook id or token, used as extra proof of identity."""

    google_id: Personal[Text] | None = None
    """Google id or token, used as extra proof of identity."""

    twitter_id: Personal[Text] | None = None
    """Twitter handle or token, used as extra proof of identity."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
