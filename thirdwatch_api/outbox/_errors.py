"""What drivers of databases raise, as errors of ours. No text of theirs is shown that may hold an event."""

from ..exceptions import OutboxException, OutboxFullException

__all__ = ["translate"]

_FULL = ("No space left", "is full", "disk full")
_MISSING = ("no such table", "does not exist", "doesn't exist")


def translate(error: BaseException, *, is_safe: bool = True) -> OutboxException:
    """Turn an error of a driver into one of ours. Only its first line is shown: the further ones quote the row.

    :param is_safe: whether it is a driver's; what an ORM writes quotes the row as well
    """
    text = str(error).strip() if is_safe else ""
    line = text.partition("\n")[0]
    if any(mark in text for mark in _FULL):
        return OutboxFullException(reason=f"the database of the outbox has no room: {line}")
    if any(mark in line for mark in _MISSING) and "thirdwatch_" in line:
        return OutboxException(reason=f"the outbox has no tables ({line}): migrate, or call outbox.create() once")
    return OutboxException(reason=f"the database of the outbox failed: {line or type(error).__name__}")
