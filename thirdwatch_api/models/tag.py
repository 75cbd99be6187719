"""Tag: the body of tag_user."""

from dataclasses import dataclass

from ._fields import Identity, Personal, Text
from ._model import JsonObject, Model
from .custom_info import CustomInfo
from .values import AbuseTypeValue

__all__ = ["Tag"]


@dataclass(repr=False, slots=True)
class Tag(Model):
    """A verdict on a customer; a newer one overwrites it. It has no session, address or time."""

    user_id: Identity[Text] | None = None
    """The merchant's identifier for this customer; upper and lower case are significant."""

    is_bad: bool | None = None
    """True marks the customer abusive, false marks them legitimate."""

    abuse_type: AbuseTypeValue | Text | None = None
    """Kind of abuse the verdict is about; one verdict per kind trains the model best."""

    description: Personal[Text] | None = None
    """Note on why the verdict was given."""

    source: Text | None = None
    """Where the verdict came from, in free text, for instance ``manual review``."""

    analyst: Personal[Text] | None = None
    """Who gave the verdict, for instance an e-mail address."""

    custom_info: CustomInfo | JsonObject | None = None
    """Extra merchant-defined key/value pairs for facts without a dedicated field."""
