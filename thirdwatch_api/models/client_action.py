"""ClientAction: the body of client_action."""

from dataclasses import dataclass

from ._bases import SnakeCaseModel
from ._fields import Milliseconds, Personal, Required, Text
from .values import ClientActionValue

__all__ = ["ClientAction"]


@dataclass(repr=False, slots=True)
class ClientAction(SnakeCaseModel):
    """What the shop itself decided about an order."""

    order_id: Required[Text] | None = None
    """Number of the order concerned, exactly as given when it was created."""

    order_timestamp: Milliseconds | None = None
    """Time of the order: milliseconds since the epoch, or an aware datetime."""

    action_type: Required[ClientActionValue | Text] | None = None
    """The decision."""

    message: Personal[Text] | None = None
    """Free-text remark on the decision."""
