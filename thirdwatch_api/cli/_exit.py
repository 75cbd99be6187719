"""How a command ends: its exit code, and the one line on stderr that says why."""

from __future__ import annotations

from .._redaction import printable
from ..exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    ConnectionException,
    InvalidResponseException,
    NotFoundException,
    RedirectException,
    TimeoutException,
    TLSException,
    TooManyRequestsException,
    UnauthorizedException,
)

__all__ = [
    "BROKEN_PIPE",
    "FAILED",
    "INTERRUPTED",
    "OK",
    "STOPPED",
    "USAGE",
    "CommandError",
    "advice",
    "exit_code",
    "one_line",
]

OK = 0
FAILED = 1
"""The command ran, and its result is bad: an event was refused, events are dead, there is no score."""
USAGE = 2
"""The command line, a setting or an event is wrong. Nothing was sent."""
STOPPED = 3
"""The service or the database can't be used now: key, host, network. The same command may work later."""
INTERRUPTED = 130
"""Ctrl-C, as shells write it."""
BROKEN_PIPE = 141
"""Nobody reads the output any more, as shells write it."""

_OF_THE_EVENT = (400, 409, 410, 411, 413, 414, 415, 422, 431)


_NETWORK = "`thirdwatch check` says what is wrong on the way."
_ADVICE: dict[type[ApiException], str] = {
    ConnectionException: _NETWORK,
    TLSException: _NETWORK,
    TimeoutException: _NETWORK,
    InvalidResponseException: "Something other than the service may have responded: check THIRDWATCH_HOST and proxies.",
    RedirectException: "Set THIRDWATCH_HOST or --host to the final address.",
    NotFoundException: "Check THIRDWATCH_HOST or --host, its path included.",
    UnauthorizedException: "Check THIRDWATCH_API_KEY or --key-file: the service does not know this key.",
    TooManyRequestsException: "Send more slowly, or again later.",
}
"""Advice for people, instead of that for programmers."""


class CommandError(Exception):
    """The reason for which a command can't go on, as one line for its user.

    :param message: what is wrong, where, what to do
    :param code: the exit code
    """

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def exit_code(error: Exception) -> int:
    """Return the exit code that an error means."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, (ApiTypeError, ApiValueError)):
        return USAGE
    if isinstance(error, ApiException) and not isinstance(error, (ConnectionException, InvalidResponseException)):
        return FAILED if error.status in _OF_THE_EVENT else STOPPED
    return STOPPED


def advice(error: ApiException) -> str:
    """Return what a person at a terminal can do, where the advice of the error is for programmers."""
    return _ADVICE.get(type(error), error.hint) if error.hint == type(error).hint else error.hint


def one_line(error: Exception) -> str:
    """Return what an error says, in one line that a terminal can show."""
    if isinstance(error, ApiException):
        error.hint = advice(error)
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        text = f"{where}{error.strerror}"
    return printable(" ".join(text.split())) or type(error).__name__
