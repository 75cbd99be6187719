"""ClientAction: the body of client_action."""

from dataclasses import dataclass

from ._model import Milliseconds, Personal, Required, Text
from ._plain import Plain

__all__ = ["ClientAction"]


@dataclass(repr=False, slots=True)
class ClientAction(Plain):
    """What the shop itself decided about an order."""

    order_id: Required[Text] | None = None
    """Number of the order concerned, exactly as given when it was created."""

    order_timestamp: Milliseconds | None = None
    """Time of the order: milliseconds since the epoch, or an aware datetime."""

    action_type: Required[Text] | None = None
    """The decision. Known values: ``approved``, ``declined``, ``onhold``."""

    message: Personal[Text] | None = None
    """Free-text remark on the decision."""
