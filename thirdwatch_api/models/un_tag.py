"""UnTag: the body of un_tag_user."""

from dataclasses import dataclass

from ._fields import Identity, Personal, Text
from ._model import JsonObject, Model
from .custom_info import CustomInfo
from .values import AbuseTypeValue

__all__ = ["UnTag"]


@dataclass(repr=False, slots=True)
class UnTag(Model):
    """The withdrawal of verdicts on a customer. It has no session, address or time."""

    user_id: Identity[Text] | None = None
    """The merchant's identifier for this customer; upper and lower case are significant."""

    abuse_type: AbuseTypeValue | Text | None = None
    """Kind of abuse whose verdict is withdrawn; leave out to withdraw them all."""

    analyst: Personal[Text] | None = None
    """Who withdrew the verdict, for instance an e-mail address."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
