"""Chargeback: the body of chargeback."""

from dataclasses import dataclass

from ._bases import Event
from ._fields import Text
from ._model import JsonObject
from .custom_info import CustomInfo
from .values import ChargebackReasonValue, ChargebackStateValue

__all__ = ["Chargeback"]


@dataclass(repr=False, slots=True)
class Chargeback(Event):
    """A payment dispute, and the stage that it has reached."""

    order_id: Text | None = None
    """Disputed order; leave out when the disputed payment belongs to no order."""

    transaction_id: Text | None = None
    """Disputed payment."""

    chargeback_state: ChargebackStateValue | Text | None = None
    """Stage the dispute has reached."""

    chargeback_reason: ChargebackReasonValue | Text | None = None
    """Ground on which the dispute was raised."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
