"""The known values of fields, each list declared once.

Editors complete them, the pages of the models name them, and the sandbox compares with them. No list is complete:
any other text is sent as it is. ``typing.get_args(OrderStatusValue)`` lists those of one field.
"""

from typing import Literal, TypeAlias

__all__ = [
    "AbuseTypeValue",
    "AccountStatusValue",
    "AnalystActionValue",
    "CancelReasonValue",
    "ChargebackReasonValue",
    "ChargebackStateValue",
    "ClientActionValue",
    "DecisionSourceValue",
    "FlagValue",
    "GenderValue",
    "LoginStatusValue",
    "OrderStatusValue",
    "OutcomeValue",
    "PaymentLinkStatusValue",
    "PaymentTypeValue",
    "PromotionFailureValue",
    "PromotionStatusValue",
    "ReasonFlagValue",
    "ReasonNameValue",
    "ShippingMethodValue",
    "SignOnTypeValue",
    "TransactionTypeValue",
]

AbuseTypeValue: TypeAlias = Literal["_paymentAbuse", "_contentAbuse", "_promotionAbuse", "_accountAbuse"]
"""Kind of abuse that a verdict on a customer is about."""

AccountStatusValue: TypeAlias = Literal["_active", "_inactive"]
"""Whether an account can be used."""

AnalystActionValue: TypeAlias = Literal["approved", "declined"]
"""What an analyst decided about an order on the dashboard."""

CancelReasonValue: TypeAlias = Literal["_paymentRisk", "_abuse", "_policy", "_other"]
"""Why an order or an item was cancelled."""

ChargebackReasonValue: TypeAlias = Literal[
    "_fraud", "_duplicate", "_product_not_received", "_product_unacceptable", "_other"
]
"""Ground of a dispute."""

ChargebackStateValue: TypeAlias = Literal["_received", "_accepted", "_disputed", "_won", "_lost"]
"""Stage of a dispute."""

ClientActionValue: TypeAlias = Literal["approved", "declined", "onhold"]
"""What the shop decided about an order."""

DecisionSourceValue: TypeAlias = Literal["_automated", "_manualReview"]
"""Whether a rule or a person took a decision."""

FlagValue: TypeAlias = Literal["green", "red"]
"""Colour of a verdict."""

GenderValue: TypeAlias = Literal["_male", "_female", "_trans"]
"""Gender of an account holder."""

LoginStatusValue: TypeAlias = Literal["_success", "_failure"]
"""Whether a sign-in attempt worked."""

OrderStatusValue: TypeAlias = Literal["_approved", "_canceled", "_held", "_fulfilled", "_returned", "_rto"]
"""State of an order or an item; ``_rto`` means returned to origin."""

OutcomeValue: TypeAlias = Literal["_success", "_failure", "_pending"]
"""How a payment, a verification or a moderation ended."""

PaymentLinkStatusValue: TypeAlias = Literal["paid"]
"""State of a payment link."""

PaymentTypeValue: TypeAlias = Literal[
    "_cash",
    "_check",
    "_creditCard",
    "_debitCard",
    "_netBanking",
    "_wallet",
    "_cryptoCurrency",
    "_electronicFundTransfer",
    "_financing",
    "_giftCard",
    "_interac",
    "_invoice",
    "_moneyOrder",
    "_masterPass",
    "_points",
    "_storeCredit",
    "_thirdPartyProcessor",
    "_voucher",
]
"""Kind of payment instrument."""

PromotionFailureValue: TypeAlias = Literal["_alreadyUsed", "_invalidCode", "_notApplicable", "_expired"]
"""Why a promotion was refused."""

PromotionStatusValue: TypeAlias = Literal["_success", "_Failed"]
"""Outcome of applying a promotion; the service spells one with a capital."""

ReasonFlagValue: TypeAlias = Literal["red", "green", "grey"]
"""Colour of one signal of a score."""

ReasonNameValue: TypeAlias = Literal[
    "_numOfFailedTransactions",
    "_accountAge",
    "_numAccountsWithSameIp",
    "_numOfOrderSameIp",
    "_ipLocation",
    "_sameBillShippAddress",
    "_isFirstNameLastNameSame",
    "_validEmail",
    "_shipAddressHasSecondField",
    "_isOrdTransIpMatch",
]
"""Key of a signal that fed a score."""

ShippingMethodValue: TypeAlias = Literal["_electronic", "_physical"]
"""How goods reach a customer."""

SignOnTypeValue: TypeAlias = Literal["_google", "_facebook", "_twitter", "_linkedin", "_other"]
"""Identity provider of a social sign-in."""

TransactionTypeValue: TypeAlias = Literal[
    "_sale", "_authorize", "_capture", "_void", "_refund", "_deposit", "_withdrawal", "_transfer"
]
"""Kind of money movement."""
