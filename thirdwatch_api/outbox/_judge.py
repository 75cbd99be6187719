"""What a failure means for an event, its order and all others."""

from enum import Enum

from ..exceptions import (
    ApiException,
    ConnectionException,
    InvalidResponseException,
    TLSException,
)

__all__ = ["Verdict", "judge"]


class Verdict(Enum):
    """What became of a try."""

    SENT = "sent"
    """The service took the event."""

    DEAD = "dead"
    """The service refuses this event. The rest of its order goes on."""

    LATER = "later"
    """The service failed on this event: its order waits."""

    WAIT = "wait"
    """The service is not there, or asks to slow down: all wait."""

    STOP = "stop"
    """A setting is wrong: all stop until somebody corrects it."""


_BY_STATUS = {
    **dict.fromkeys((401, 403, 404, 405, 407), Verdict.STOP),
    **dict.fromkeys((408, 425), Verdict.LATER),
    **dict.fromkeys((429, 502, 503, 504), Verdict.WAIT),
}


def judge(error: ApiException) -> Verdict:
    """Return what a failed call means."""
    if isinstance(error, (TLSException, InvalidResponseException)) or error.status is None:
        return Verdict.STOP  # misuse has no status: no API key, a host that is none
    if isinstance(error, ConnectionException):
        return Verdict.WAIT
    if error.status in _BY_STATUS:
        return _BY_STATUS[error.status]
    if error.status >= 500:
        return Verdict.LATER
    return Verdict.DEAD if error.status >= 400 else Verdict.STOP
