"""OrderStatus: the body of order_status."""

from dataclasses import dataclass

from ._event import Event
from ._model import JsonObject, Personal, Text
from .custom_info import CustomInfo

__all__ = ["OrderStatus"]


@dataclass(repr=False, slots=True)
class OrderStatus(Event):
    """A step in the life of an order that was submitted before."""

    order_id: Text | None = None
    """Number of the order concerned, exactly as given when it was created."""

    order_status: Text | None = None
    """State that the order has moved to. Known values: ``_approved``, ``_canceled``, ``_held``, ``_fulfilled``,
    ``_returned``, ``_rto`` (returned to origin); any other text is sent as it is."""

    reason: Text | None = None
    """Why the order was cancelled. Known values: ``_paymentRisk``, ``_abuse``, ``_policy``, ``_other``."""

    shipping_cost: Text | None = None
    """Delivery charge, once the order is approved or fulfilled, for instance ``50``."""

    tracking_number: Text | None = None
    """Carrier's consignment number, once the order is approved or fulfilled, for instance ``55327470``."""

    tracking_method: Text | None = None
    """URL of the carrier's tracking page, once the order is approved or fulfilled."""

    source: Text | None = None
    """Whether a rule or a person took the decision. Known values: ``_automated``, ``_manualReview``."""

    analyst: Personal[Text] | None = None
    """Who took the decision, when a person did."""

    description: Personal[Text] | None = None
    """Free-text remark on the change."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
