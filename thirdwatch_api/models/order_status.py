"""OrderStatus: the body of order_status."""

from dataclasses import dataclass

from ._bases import Event
from ._fields import Personal, Text
from ._model import JsonObject
from .custom_info import CustomInfo
from .values import CancelReasonValue, DecisionSourceValue, OrderStatusValue

__all__ = ["OrderStatus"]


@dataclass(repr=False, slots=True)
class OrderStatus(Event):
    """A step in the life of an order that was submitted before."""

    order_id: Text | None = None
    """Number of the order concerned, exactly as given when it was created."""

    order_status: OrderStatusValue | Text | None = None
    """State that the order has moved to; ``_rto`` means returned to origin."""

    reason: CancelReasonValue | Text | None = None
    """Why the order was cancelled."""

    shipping_cost: Text | None = None
    """Delivery charge, once the order is approved or fulfilled, for instance ``50``."""

    tracking_number: Text | None = None
    """Carrier's consignment number, once the order is approved or fulfilled, for instance ``55327470``."""

    tracking_method: Text | None = None
    """URL of the carrier's tracking page, once the order is approved or fulfilled."""

    source: DecisionSourceValue | Text | None = None
    """Whether a rule or a person took the decision."""

    analyst: Personal[Text] | None = None
    """Who took the decision, when a person did."""

    description: Personal[Text] | None = None
    """Free-text remark on the change."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
