"""One call: its attempts, its deadline, and what became of the last attempt."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable
from http.client import HTTPException, responses
from typing import Any

from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError
from urllib3.util import parse_url

from .._lazy import load
from ..configuration import Configuration, Hook
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
from ._retries import next_policy, policy_for, retry_after, wait_before_next
from ._timeouts import bounds

__all__ = ["Call"]

_logger = logging.getLogger(__name__.partition(".")[0])

_ONCE = Retry(total=False, redirect=False)  # the loop around urlopen decides what is tried again
_LARGEST_HEAD = 1024 * 1024
_PIECE = 64 * 1024
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})  # what each Python decodes, though nobody asks for it
_LONGEST_LOCATION = 2000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Call:
    """One call: its attempts, and what became of the last one."""

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
        """Make attempts until one has an outcome that is final."""
        number = 0
        while True:
            number += 1
            self._tell("on_request", number)
            started = time.monotonic()
            response: BaseHTTPResponse | None = None
            answer: Any = None
            error: Exception | None = None
            try:
                response = self._send()
                answer = self._read(response)
                failure = self._refusal(response, answer)
            except (HTTPError, HTTPException, OSError) as raised:
                error, failure = raised, self._translate(raised, response)
            seconds = time.monotonic() - started
            self._report(number, seconds, answer, failure)
            if failure is None:
                return answer
            wait = self._wait(failure, response, error)
            if wait is None:
                raise failure from safe_cause(error)
            self._tell("on_retry", number, failure.status, seconds, failure, wait)
            if wait:
                self._sleep(wait)
                if self._left() <= 0:  # the machine slept longer than it was asked to
                    raise failure from safe_cause(error)

    def _report(self, number: int, seconds: float, answer: Any, failure: ApiException | None) -> None:
        """Tell the log and the hook how an attempt ended."""
        if failure:
            failure.attempts = number
        elif isinstance(answer, RESTResponse):
            answer.attempts = number
        status = failure.status if failure else answer.status
        if _logger.isEnabledFor(logging.DEBUG):
            method, path, *_ = self._request
            named = f" request id {failure.request_id}" if failure and failure.request_id else ""
            _logger.debug("%s %s %s %d ms attempt %d%s", method, path, status or "-", seconds * 1000, number, named)
        self._tell("on_response", number, status, seconds, failure)

    def _left(self) -> float:
        return self._state.left()

    def _send(self) -> BaseHTTPResponse:
        left = max(self._left(), 0.001)  # urllib3 takes no 0; the socket knows better
        state = self._state
        timeout, state.read_timeout = bounds(self._timeout, left)
        state.raw = None
        state.reused = state.answered = state.ended = state.connecting = False
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
            pool_timeout=left,  # type: ignore[arg-type]  # urllib3 says int, and means seconds
            preload_content=False,
        )

    def _read(self, response: BaseHTTPResponse) -> Any:
        """Read an answer up to the size that is allowed."""
        success = 200 <= response.status < 300
        if success and not self._request.preload_content:
            keep_deadline(self._state.connection, self._state.deadline)
            if self._state.queue is not None:  # no mock (pook) responds in place of the pool
                # Whoever loses the response, as by an exception on the way to the caller, loses no place in the pool.
                weakref.finalize(response, self._state.queue.reclaim, self._state).atexit = False
            return response
        wanted = success and response.status != 204  # which says that there is nothing to read
        limit = self._settings.max_response_size
        data = b""
        try:
            if response.status >= 200:  # what follows a 1xx answers this request too, and must not meet the next
                known = (response.length_remaining or limit + 1) <= limit and "Content-Encoding" not in response.headers
                raw = self._state.raw
                data = read_raw(raw) if known and raw is not None else self._read_in_pieces(response, limit)
            if success and len(data) > limit:
                raise TooLargeError
        except (ValueError, OverflowError) as error:  # http.client reads a chunk of size -5 by read(-5)
            if wanted:
                raise ProtocolError("a chunk has a size that makes no sense") from error
        except (HTTPError, HTTPException, OSError):
            if wanted:
                raise
            # The status has said enough; the text would only have explained it.
        finally:
            if not response.closed:  # what is left of it must not meet the next call
                response.close()
            response.release_conn()
        raw = self._state.raw
        phrase = response.reason if raw is None else raw.phrase
        proxy_headers = self._endpoint.pool.proxy_headers
        return RESTResponse(
            response.status, phrase, data[:limit], response.headers, self._state.deadline, proxy_headers
        )

    def _read_in_pieces(self, response: BaseHTTPResponse, limit: int) -> bytes:
        """Read a body whose length is unknown to its end, or to one byte more than is allowed."""
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if "," in coding:  # what one decoder makes of 64 KiB may keep the next one busy for minutes
            raise DecodeError("several codings, and none was asked for")
        parts: list[bytes] = []
        size = 0
        while size <= limit and self._left() > 0:
            part = response.read(min(_PIECE, limit + 1 - size), decode_content=coding in _CODINGS)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
        if size <= limit:
            raise TimeoutError("the deadline of the call passed")
        return b"".join(parts)

    def _refusal(self, response: BaseHTTPResponse, answer: Any) -> ApiException | None:
        """Make the exception for an answer that is no success."""
        if 200 <= answer.status < 300:
            return None
        asked, left, redactor = retry_after(response), self._left(), self._request.redactor(answer.proxy_headers)
        kind, reason = class_for_status(answer.status), answer.reason
        if answer.status in _REDIRECTS:
            kind = RedirectException
            location = _shown_location(answer.headers.get("Location", ""))
            reason = f"refused to follow a redirect to {redactor.line(location, answer.until)}"
        elif reason and reason != responses.get(answer.status):
            reason = redactor.line(reason, answer.until)
        hint = ""
        if asked:
            hint = f"The service asked to wait {asked:g} s"
            hint += f"; the deadline of the call is {max(left, 0):.3g} s away. " if asked >= left else ". "
            hint += kind.hint
        return make_error(
            kind,
            answer.status,
            reason,
            redactor,
            body=answer.data,
            headers=answer.headers,
            error_response=self._request.explain(redactor, answer.data),
            retry_after=asked,
            hint=hint,
            until=answer.until,
        )

    def _translate(self, error: Exception, response: BaseHTTPResponse | None) -> ApiException:
        if isinstance(error, TooLargeError):
            limit = self._settings.max_response_size
            kind: type[ApiException] = InvalidResponseException
            reason = f"the answer is larger than configuration.max_response_size, {limit} bytes"
        else:
            proxy = self._endpoint.pool.proxy
            kind, reason = translate(error, self._endpoint.name, (proxy and proxy.netloc) or "", self._left() <= 0.001)
        known = response if kind is InvalidResponseException else None
        return make_error(
            kind,
            known.status if known else 0,
            reason,  # it quotes nothing
            self._request.redactor(self._endpoint.pool.proxy_headers),
            headers=known.headers if known else None,
        )

    def _wait(self, failure: ApiException, response: BaseHTTPResponse | None, error: Exception | None) -> float | None:
        """Tell how long to wait before the next attempt; None when there is none."""
        method, path = self._request.method, self._request.path
        if error is None and response is not None:
            if not self._policy.is_retry(method, response.status, "Retry-After" in response.headers):
                return None
        elif not isinstance(failure, ConnectionException) or isinstance(failure, TLSException):
            return None
        policy = next_policy(self._policy, method, path, response=None if error else response, error=error)
        if policy is None:
            return None
        self._policy = policy
        if error and self._state.reused and not self._state.answered and not isinstance(failure, TimeoutException):
            # The server had closed a kept connection, and most likely its neighbours: nobody has to back off.
            self._endpoint.queue.expire_idle()
            policy.history = policy.history[:-1]
            return 0.0
        wait = wait_before_next(policy, failure.retry_after)
        return wait if wait < self._left() else None

    def _tell(self, name: str, number: int, *outcome: Any) -> None:
        """Call a hook with an Attempt, if there is one."""
        hook: Hook = getattr(self._settings, name)
        if hook is None:
            return
        try:
            attempt = load("..attempt", __package__).Attempt
            hook(attempt(self._request.method, self._request.path, number, *outcome))
        except Exception:
            _logger.exception("a hook of the configuration failed; the call goes on")


def _shown_location(location: str) -> str:
    """Show where a redirect leads, without what may be secret in it."""
    if len(location) > _LONGEST_LOCATION:
        return f"an address of {len(location)} characters"
    try:
        url = parse_url(location)
    except (HTTPError, ValueError):
        return "an address that can't be read"
    shown = url._replace(auth=None, query=None, fragment=None).url or "no address at all"
    return "an address with a user part" if "@" in shown else shown
