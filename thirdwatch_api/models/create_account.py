"""CreateAccount: the body of create_account."""

from dataclasses import dataclass

from ._account import Account

__all__ = ["CreateAccount"]


@dataclass(repr=False, slots=True)
class CreateAccount(Account):
    """The profile of a newly registered customer."""
