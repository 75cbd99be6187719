"""Chargeback: the body of chargeback."""

from dataclasses import dataclass

from ._event import Event
from ._model import JsonObject, Text
from .custom_info import CustomInfo

__all__ = ["Chargeback"]


@dataclass(repr=False, slots=True)
class Chargeback(Event):
    """A payment dispute, and the stage that it has reached."""

    order_id: Text | None = None
    """Disputed order; leave out when the disputed payment belongs to no order."""

    transaction_id: Text | None = None
    """Disputed payment."""

    chargeback_state: Text | None = None
    """Stage the dispute has reached. Known values: ``_received``, ``_accepted``, ``_disputed``, ``_won``, ``_lost``."""

    chargeback_reason: Text | None = None
    """Ground on which the dispute was raised. Known values: ``_fraud``, ``_duplicate``, ``_product_not_received``,
    ``_product_unacceptable``, ``_other``."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
