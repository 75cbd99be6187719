"""Reason: a part of ScoreResponse."""

from dataclasses import dataclass

from ._model import Personal
from ._response import Answer

__all__ = ["Reason"]


@dataclass(repr=False, slots=True)
class Reason(Answer):
    """A signal that fed a score."""

    name: str | None = None
    """Key of the signal. Known values: ``_numOfFailedTransactions``, ``_accountAge``, ``_numAccountsWithSameIp``,
    ``_numOfOrderSameIp``, ``_ipLocation``, ``_sameBillShippAddress``, ``_isFirstNameLastNameSame``, ``_validEmail``,
    ``_shipAddressHasSecondField``, ``_isOrdTransIpMatch``."""

    display_name: str | None = None
    """Label for people, for instance ``Account age``."""

    flag: str | None = None
    """Colour of this one signal. Known values: ``red``, ``green``, ``grey``."""

    value: Personal[str] | None = None
    """What was observed; always text, for numbers and booleans as well, for instance ``11``."""

    is_display: bool | None = None
    """Whether the dashboard shows the signal."""
