"""UpdateAccount: the body of update_account."""

from dataclasses import dataclass

from ._account import Account

__all__ = ["UpdateAccount"]


@dataclass(repr=False, slots=True)
class UpdateAccount(Account):
    """The profile of a customer as it now stands, who need not have been reported before."""
