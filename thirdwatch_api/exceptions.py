"""The exceptions of a call.

    ApiException                            any failure to deliver
    |-- ApiTypeError (TypeError)            misuse, found before sending: type of an argument, unknown option
    |-- ApiValueError (ValueError)          misuse, found before sending: no key, an event with problems (types too)
    |-- ConnectionException                 no response came: name look-up, refused, cut, proxy
    |   |-- TimeoutException                a time-out or the deadline of the call passed
    |   `-- TLSException                    no trusted connection: certificate expired, wrong host, unknown CA
    |-- InvalidResponseException            2xx, but the body is not a JSON object, or too large
    |   `-- ScoreNotReadyException          there is no score for the order yet
    |-- OutboxException                     an outbox could not keep an event, or find it again
    |   |-- OutboxCorruptException          its file is damaged
    |   `-- OutboxFullException             no room: the disk is full, or max_bytes is reached
    |-- RedirectException                   3xx: the service never redirects, so the key stays here
    |-- BadRequestException                 400
    |-- UnauthorizedException               401
    |-- ForbiddenException                  403
    |-- NotFoundException                   404
    |-- ConflictException                   409
    |-- UnprocessableEntityException        422
    |-- TooManyRequestsException            429
    `-- ServiceException                    5xx

The names for a status are those that today's OpenAPI generators give them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._redaction import Redactor, decode_lenient, printable, short

if TYPE_CHECKING:
    from .models.error_response import ErrorResponse

__all__ = [
    "ApiException",
    "ApiTypeError",
    "ApiValueError",
    "BadRequestException",
    "ConflictException",
    "ConnectionException",
    "ForbiddenException",
    "InvalidResponseException",
    "NotFoundException",
    "OutboxCorruptException",
    "OutboxException",
    "OutboxFullException",
    "RedirectException",
    "ScoreNotReadyException",
    "ServiceException",
    "TLSException",
    "TimeoutException",
    "TooManyRequestsException",
    "UnauthorizedException",
    "UnprocessableEntityException",
]

_REQUEST_IDS = (
    "X-Request-Id",
    "X-Amzn-RequestId",
    "X-Amz-Request-Id",
    "X-Correlation-Id",
    "CF-Ray",
    "X-Amz-Cf-Id",
)
"""Headers that name a request in the logs of the service, or of a proxy before it."""


class ApiException(Exception):
    """The failure of a call, with the response if one was received.

    :param status: the HTTP status; 0 when no response came, None for misuse found before sending
    :param reason: the reason phrase of the response, or a sentence about what went wrong
    :param http_resp: a response with ``status``, ``reason``, ``data`` and ``headers``, instead of the two
    """

    hint: str = "The response is in error.body."
    """Advice; the last sentence of ``str(error)``."""

    status: int | None
    """HTTP status; 0 when no response came, None for misuse found before sending."""

    reason: str | None
    """Reason phrase of the response, or a sentence about what went wrong."""

    body: str | None
    """Text of the response as it was received (UTF-8, bad bytes replaced, keys masked); None without a response."""

    headers: Mapping[str, str] | None
    """Headers of the response, in any letter case; None without a response."""

    error_response: "ErrorResponse | None"
    """The response's JSON as a model, when it was a JSON object of at most 100,000 values."""

    attempts: int
    """How many times the event was sent, or tried to be; 0 for misuse."""

    retry_after: float | None
    """Seconds that the service asked to wait (``Retry-After``), when it did."""

    request_id: str | None
    """Name of the request in the logs of the service or a proxy, when a header of the response holds it."""

    def __init__(self, status: int | None = None, reason: str | None = None, http_resp: Any = None) -> None:
        if http_resp is not None:
            status, reason = http_resp.status, http_resp.reason
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.body = None if http_resp is None else _as_text(http_resp.data)
        self.headers = None if http_resp is None else http_resp.headers
        self.error_response = None
        self.attempts = 0
        self.retry_after = None
        self.request_id = None
        self._detail = ""

    def explain(self, error_response: "ErrorResponse", detail: str) -> None:
        """Attach the JSON of the response.

        :param error_response: the parsed response
        :param detail: its message, secret and personal texts masked; ``str(error)`` shows it
        """
        self.error_response = error_response
        self._detail = detail

    def __str__(self) -> str:
        text = self.reason or ("" if self.status else "the call failed")
        if self.status:
            text = f"({self.status}) {short(text)}".rstrip()
        if self._detail:
            text += f": {short(' '.join(self._detail.split()))}"
        notes = [f"after {self.attempts} attempts"] if self.attempts > 1 else []
        if self.request_id:
            notes.append(f"request id {self.request_id}")
        if notes:
            text += f" ({', '.join(notes)})"
        if self.hint:
            text += f"{'' if text.endswith('.') else '.'} {self.hint}"
        # The text of the service may hold control characters of a terminal, or surrogates, which can't be encoded.
        return printable(text)


def _as_text(data: bytes | str | None) -> str | None:
    return decode_lenient(data) if isinstance(data, bytes) else data


class _Misuse(ApiException):
    """The base of ApiTypeError and ApiValueError: nothing was sent."""

    hint: str = ""

    problems: tuple[str, ...]
    """Each problem of an event with its path, when there may be several."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(reason=message)
        Exception.__init__(self, message)  # args are what unpickling passes to this constructor
        self.problems = problems


class ApiTypeError(_Misuse, TypeError):
    """An argument of the wrong type, or an unknown option; nothing was sent."""


class ApiValueError(_Misuse, ValueError):
    """A value, a setting or an event with problems; nothing was sent."""


class ConnectionException(ApiException):
    """No response was received. The event may still have been processed."""

    hint: str = "Check the network, configuration.host and configuration.proxy."


class TimeoutException(ConnectionException):
    """A time-out or the deadline of the call passed without a response."""

    hint: str = "Check the network, or allow more time: configuration.timeout and configuration.deadline (seconds)."


class TLSException(ConnectionException):
    """No trusted connection could be made. There is no retry."""

    hint: str = "Check configuration.host, ssl_ca_cert, cert_file and key_file."


class InvalidResponseException(ApiException):
    """A response with a 2xx status that is not a JSON object, is too large, or could not be decoded."""

    hint: str = "Something other than the service may have responded: check configuration.host and proxies on the way."


class ScoreNotReadyException(InvalidResponseException):
    """No score for the order yet: the order or its payment was not reported, or the service is still computing it.

    ``ScoreApi.wait`` asks until there is one.
    """

    hint: str = (
        "Report the order (create_order) and its successful payment (transaction), then ask again a little later."
    )


class OutboxException(ApiException):
    """An outbox could not keep an event, or find it again. Nothing was accepted."""

    hint: str = ""


class OutboxFullException(OutboxException):
    """No room is left for an event: the disk is full, or ``max_bytes`` is reached."""


class OutboxCorruptException(OutboxException):
    """The file of an outbox is damaged, or is no outbox."""


class RedirectException(ApiException):
    """A redirect (3xx). Following it would send the API key and the customer's data to another address."""

    hint: str = "The service never redirects: set configuration.host to its final address."


class BadRequestException(ApiException):
    """An event that the service could not read (400)."""

    hint: str = "Correct the event before sending it again."


class UnauthorizedException(ApiException):
    """An API key that the service does not know (401)."""

    hint: str = 'Check configuration.api_key["X-THIRDWATCH-API-KEY"].'


class ForbiddenException(ApiException):
    """A call that the API key does not permit (403)."""

    hint: str = "Ask Thirdwatch which calls this API key permits."


class NotFoundException(ApiException):
    """An address at which the service has nothing (404)."""

    hint: str = "Check configuration.host, its path included."


class ConflictException(ApiException):
    """An event that contradicts what the service has stored (409)."""

    hint: str = "Check what was sent about the same order or customer before."


class UnprocessableEntityException(ApiException):
    """An event that the service understood, but did not accept (422)."""

    hint: str = "Correct the event before sending it again."


class TooManyRequestsException(ApiException):
    """More events than the account allows (429); see ``retry_after``."""

    hint: str = "Send more slowly, or wait for error.retry_after seconds when it is set."


class ServiceException(ApiException):
    """A failure of the service itself (5xx). Sending the event again later may work."""

    hint: str = "The service failed; send the event again later."


_BY_STATUS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: TooManyRequestsException,
}


def class_for_status(status: int) -> type[ApiException]:
    """Return the class for an HTTP status that is not a success."""
    if status >= 500:
        return ServiceException
    return _BY_STATUS.get(status, ApiException)


def make_error(
    kind: type[ApiException],
    status: int,
    reason: str | None,
    redactor: Redactor,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    error_response: "ErrorResponse | None" = None,
    retry_after: float | None = None,
    attempts: int = 0,
    hint: str = "",
    until: float = float("inf"),
) -> ApiException:
    """Make the finished error of a call. All text of the service is masked here, except the reason.

    :param reason: what went wrong: our own sentence, or the reason phrase of the response, already masked
    :param redactor: the masks of the request
    :param body: the body as it was received
    :param headers: the headers as they were received
    :param error_response: its JSON, with the keys masked
    :param hint: advice, instead of that of the class
    :param until: ``time.monotonic()`` at which the rest of the body, or a text that is not masked yet, is dropped
    """
    error = kind(status, reason)
    error.attempts = attempts
    error.retry_after = retry_after
    error.hint = hint or kind.hint
    if body is not None:
        error.body = redactor.whole(decode_lenient(body), until)
    if headers is not None:
        error.headers = redactor.headers(headers)
        found = next(filter(None, map(headers.get, _REQUEST_IDS)), None)
        error.request_id = found and printable(short(redactor.line(found, until)))  # logs show it as it is
    if error_response is not None:
        error.error_response = error_response
        error._detail = redactor.line(error_response.message or "", until)  # noqa: SLF001 - this factory finishes the error
    return error
