"""One call: its attempts, its deadline, and the outcome of each attempt."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from http.client import HTTPException, responses
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError
from urllib3.util import parse_url

from .._lazy import load
from ..configuration import Configuration
from ..exceptions import (
    ApiException,
    ConnectionException,
    InvalidResponseException,
    RedirectException,
    TimeoutException,
    TLSException,
    class_for_status,
    make_error,
)
from ._connections import CallState, TooLargeError, keep_deadline, read_raw
from ._endpoint import Endpoint
from ._errors import safe_cause, translate
from ._messages import Request, RESTResponse
from ._retries import delay_before_next, next_policy, policy_for, retry_after
from ._timeouts import bounds

if TYPE_CHECKING:
    from ..attempt import Attempt

__all__ = ["Call"]

_logger = logging.getLogger(__name__.partition(".")[0])

_ONCE = Retry(total=False, redirect=False)  # the loop around urlopen decides what is tried again
_LARGEST_HEAD = 1024 * 1024
_PIECE = 64 * 1024
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})  # each Python decodes them; the request asks for none
_LONGEST_LOCATION = 2000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class _Outcome(NamedTuple):
    """The end of one attempt: a response or a failure."""

    received: BaseHTTPResponse | None
    """What urllib3 returned, if a response was received."""

    response: Any
    """What the call returns: a RESTResponse, or urllib3's own response with ``preload_content=False``."""

    failure: ApiException | None
    """What the call raises unless there is another attempt; None for a success."""

    cause: Exception | None = None
    """The error of urllib3 behind the failure, if there is one."""


class Call:
    """One request with all its attempts, until a response, a failure or the deadline ends it."""

    def __init__(
        self,
        settings: Configuration,
        sleep: Callable[[float], object],
        endpoint: Endpoint,
        request: Request,
        state: CallState,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._endpoint = endpoint
        self._request = request
        self._state = state
        self._timeout = settings.timeout if request.timeout is None else request.timeout
        self._policy: Retry = policy_for(settings.retries if request.retries is None else request.retries)
        self._url = endpoint.root + ("" if request.at_root else endpoint.prefix) + (request.target or request.path)

    def run(self) -> Any:
        """Make attempts until one is final, and return its response.

        :raises ApiException: the last attempt failed
        """
        number = 0
        while True:
            number += 1
            if hook := self._settings.on_request:
                self._run_hook(hook, number)
            started = time.monotonic()
            outcome = self._attempt()
            seconds = time.monotonic() - started
            self._report(number, seconds, outcome)
            failure = outcome.failure
            if failure is None:
                return outcome.response
            delay = self._delay_before_retry(failure, outcome)
            if delay is None:
                break
            if hook := self._settings.on_retry:
                self._run_hook(hook, number, failure.status, seconds, failure, delay)
            if delay:
                self._sleep(delay)
                if self._state.left() <= 0:  # the machine may sleep longer than it was asked to
                    break
        raise failure from safe_cause(outcome.cause)

    def _attempt(self) -> _Outcome:
        """Send the request once, and read the response."""
        received: BaseHTTPResponse | None = None
        try:
            received = self._send()
            response = self._read(received)
        except (HTTPError, HTTPException, OSError) as error:
            return _Outcome(received, None, self._translate(error, received), error)
        return _Outcome(received, response, self._error_for(received, response))

    def _report(self, number: int, seconds: float, outcome: _Outcome) -> None:
        """Report the end of an attempt to the log and to the hook ``on_response``."""
        _, response, failure, _ = outcome
        if failure:
            failure.attempts = number
        elif isinstance(response, RESTResponse):
            response.attempts = number
        status = failure.status if failure else response.status
        if _logger.isEnabledFor(logging.DEBUG):
            method, path = self._request.method, self._request.path
            request_id = f" request id {failure.request_id}" if failure and failure.request_id else ""
            _logger.debug(
                "%s %s %s %d ms attempt %d%s", method, path, status or "-", seconds * 1000, number, request_id
            )
        if hook := self._settings.on_response:
            self._run_hook(hook, number, status, seconds, failure)

    def _send(self) -> BaseHTTPResponse:
        state = self._state
        remaining = max(state.left(), 0.001)  # urllib3 refuses 0; the socket checks the deadline itself
        timeout, state.read_timeout = bounds(self._timeout, remaining)
        state.raw = None
        state.reused = state.responded = state.ended = state.connecting = False
        state.room = self._settings.max_response_size + _LARGEST_HEAD
        return self._endpoint.pool.urlopen(
            self._request.method,
            self._url,
            body=self._request.body,
            headers=dict(self._request.headers),  # a copy: mocks (pook) leave marks in it
            retries=_ONCE,
            redirect=False,
            assert_same_host=False,  # a proxy's pool is asked for the service's URL
            timeout=timeout,
            pool_timeout=remaining,  # type: ignore[arg-type]  # typed as int, but a float works
            preload_content=False,
        )

    def _read(self, response: BaseHTTPResponse) -> Any:
        """Read a response up to the size that is allowed."""
        success = 200 <= response.status < 300
        if success and not self._request.preload_content:
            keep_deadline(self._state.connection, self._state.deadline)
            if self._state.queue is not None:  # it is None where a mock (pook) responds instead of the pool
                # The response may be lost, for instance by an exception on the way to the caller. The pool must not
                # lose its place then.
                weakref.finalize(response, self._state.queue.reclaim, self._state).atexit = False
            return response
        needs_body = success and response.status != 204  # a 204 has no body
        limit = self._settings.max_response_size
        data = b""
        try:
            if response.status >= 200:  # after a 1xx the final response is still coming: do not reuse the connection
                data = self._read_body(response, limit)
            if success and len(data) > limit:
                raise TooLargeError
        except (ValueError, OverflowError) as error:  # http.client reads a chunk of size -5 by read(-5)
            if needs_body:
                raise ProtocolError("the size of a chunk makes no sense") from error
        except (HTTPError, HTTPException, OSError):
            if needs_body:
                raise
            # The body of an error only explains the status: do without it.
        finally:
            if not response.closed:  # the next call must not read the rest of the body
                response.close()
            response.release_conn()
        raw = self._state.raw
        phrase = response.reason if raw is None else raw.phrase
        proxy_headers = self._endpoint.pool.proxy_headers
        return RESTResponse(
            response.status, phrase, data[:limit], response.headers, self._state.deadline, proxy_headers
        )

    def _read_body(self, response: BaseHTTPResponse, limit: int) -> bytes:
        """Read a body to its end, or to one byte more than is allowed."""
        raw = self._state.raw
        is_encoded = "Content-Encoding" in response.headers
        if raw is not None and not is_encoded and (response.length_remaining or limit + 1) <= limit:
            return read_raw(raw)
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if "," in coding:  # the output of one decoder may keep the next busy for minutes
            raise DecodeError("the response has several codings, and the request asked for none")
        parts: list[bytes] = []
        size = 0
        while size <= limit and self._state.left() > 0:
            part = response.read(min(_PIECE, limit + 1 - size), decode_content=coding in _CODINGS)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
        if size <= limit:
            raise TimeoutError("the deadline of the call passed")
        return b"".join(parts)

    def _error_for(self, received: BaseHTTPResponse, response: Any) -> ApiException | None:
        """Make the exception for a response that is not a success; None for a success."""
        if 200 <= response.status < 300:
            return None
        asked, redactor = retry_after(received), self._request.redactor(response.proxy_headers)
        kind, reason = class_for_status(response.status), response.reason
        if response.status in _REDIRECTS:
            kind = RedirectException
            location = _safe_location(response.headers.get("Location", ""))
            reason = f"refused to follow a redirect to {redactor.line(location, response.until)}"
        elif reason and reason != responses.get(response.status):
            reason = redactor.line(reason, response.until)
        return make_error(
            kind,
            response.status,
            reason,
            redactor,
            body=response.data,
            headers=response.headers,
            error_response=self._request.read_error(redactor, response.data),
            retry_after=asked,
            hint=f"{self._waiting_hint(asked)} {kind.hint}" if asked else "",
            until=response.until,
        )

    def _waiting_hint(self, asked: float) -> str:
        remaining = self._state.left()
        end = f"; the deadline of the call is {max(remaining, 0):.3g} s away" if asked >= remaining else ""
        return f"The service asked to wait {asked:g} s{end}."

    def _translate(self, error: Exception, response: BaseHTTPResponse | None) -> ApiException:
        """Make the exception for an error of urllib3 or of a socket."""
        if isinstance(error, TooLargeError):
            limit = self._settings.max_response_size
            kind: type[ApiException] = InvalidResponseException
            reason = f"the response is larger than configuration.max_response_size, {limit} bytes"
        else:
            proxy = self._endpoint.pool.proxy
            deadline_passed = self._state.left() <= 0.001
            kind, reason = translate(error, self._endpoint.name, (proxy and proxy.netloc) or "", deadline_passed)
        known = response if kind is InvalidResponseException else None
        return make_error(
            kind,
            known.status if known else 0,
            reason,  # our own sentence: it quotes no response
            self._request.redactor(self._endpoint.pool.proxy_headers),
            headers=known.headers if known else None,
        )

    def _delay_before_retry(self, failure: ApiException, outcome: _Outcome) -> float | None:
        """Return the seconds until the next attempt; None when the failure is final."""
        received, _, _, cause = outcome
        method, path = self._request.method, self._request.path
        if cause is None and received is not None:
            if not self._policy.is_retry(method, received.status, "Retry-After" in received.headers):
                return None
        elif not isinstance(failure, ConnectionException) or isinstance(failure, TLSException):
            return None
        policy = next_policy(self._policy, method, path, response=None if cause else received, error=cause)
        if policy is None:
            return None
        self._policy = policy
        if cause and self._state.reused and not self._state.responded and not isinstance(failure, TimeoutException):
            # The server had closed a kept connection, and most likely all other idle ones: retry without a delay.
            self._endpoint.queue.expire_idle()
            policy.history = policy.history[:-1]
            return 0.0
        delay = delay_before_next(policy, failure.retry_after)
        return delay if delay < self._state.left() else None

    def _run_hook(self, hook: Callable[[Attempt], object], number: int, *outcome: Any) -> None:
        """Call a hook with an Attempt. What it raises is logged, and never breaks the call."""
        try:
            attempt: type[Attempt] = load("..attempt", __package__).Attempt
            hook(attempt(self._request.method, self._request.path, number, *outcome))
        except Exception:
            _logger.exception("a hook of the configuration failed; the call goes on")


def _safe_location(location: str) -> str:
    """Return the address of a redirect without the parts that may be secret."""
    if len(location) > _LONGEST_LOCATION:
        return f"an address of {len(location)} characters"
    try:
        url = parse_url(location)
    except (HTTPError, ValueError):
        return "an address that can't be read"
    shown = url._replace(auth=None, query=None, fragment=None).url or "no address at all"
    return "an address with a user part" if "@" in shown else shown
