"""ItemStatus: the body of item_status."""

from dataclasses import dataclass

from ._bases import Event
from ._fields import Personal, Text
from ._model import JsonObject
from .custom_info import CustomInfo
from .values import CancelReasonValue, DecisionSourceValue, OrderStatusValue

__all__ = ["ItemStatus"]


@dataclass(repr=False, slots=True)
class ItemStatus(Event):
    """A change of state of a single item of an order."""

    order_id: Text | None = None
    """Number of the order concerned, exactly as given when it was created."""

    item_id: Text | None = None
    """Catalogue identifier of the item whose state changed."""

    item_status: OrderStatusValue | Text | None = None
    """State that the item has moved to; ``_rto`` means returned to origin."""

    reason: CancelReasonValue | Text | None = None
    """Why the item was cancelled."""

    shipping_cost: Text | None = None
    """Delivery charge, once the item is approved or fulfilled, for instance ``50``."""

    tracking_number: Text | None = None
    """Carrier's consignment number, once the item is approved or fulfilled, for instance ``55327470``."""

    tracking_method: Text | None = None
    """URL of the carrier's tracking page, once the item is approved or fulfilled."""

    source: DecisionSourceValue | Text | None = None
    """Whether a rule or a person took the decision."""

    analyst: Personal[Text] | None = None
    """Who took the decision, when a person did."""

    description: Personal[Text] | None = None
    """Free-text remark on the change."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
