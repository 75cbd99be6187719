"""Send a request, read the answer within bounds, try again where that may help."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPException, responses
from types import MappingProxyType
from typing import Any, NamedTuple

import urllib3
from urllib3 import BaseHTTPResponse, HTTPHeaderDict, Retry, Timeout
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.util import parse_url

from .._forks import UNFORKED
from .._lazy import load
from ..configuration import Configuration, Hook, Retries, TimeoutSetting
from ..exceptions import (
    ApiException,
    ConnectionException,
    InvalidResponseException,
    RedirectException,
    TimeoutException,
    TLSException,
    class_for_status,
    without_keys,
)
from ._connections import CURRENT, Call, TooLargeError
from ._failures import shown_cause, translate
from ._origin import Origin, open_origin
from ._retries import exhausted, policy_for, retry_after, wait_before_next

__all__ = ["URLLIB3_VERSION", "RESTClientObject", "RESTResponse", "Request"]

_logger = logging.getLogger(__name__.partition(".")[0])
_logger.addHandler(logging.NullHandler())

URLLIB3_VERSION: str = urllib3.__version__  # type: ignore[attr-defined]  # public, but not in its __all__

_ONCE = Retry(total=False, redirect=False)  # the loop around urlopen decides what is tried again
_LARGEST_HEAD = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class RESTResponse:
    """An answer that was read to its end."""

    __slots__ = ("attempts", "data", "headers", "reason", "status")

    status: int
    """The HTTP status."""

    reason: str | None
    """The reason phrase."""

    data: bytes
    """The body, decompressed."""

    headers: HTTPHeaderDict
    """The headers, found in any letter case."""

    attempts: int
    """How many attempts it took."""

    def __init__(self, status: int, reason: str | None, data: bytes, headers: HTTPHeaderDict) -> None:
        self.status = status
        self.reason = reason
        self.data = data
        self.headers = headers
        self.attempts = 0

    def getheaders(self) -> HTTPHeaderDict:
        """Return all headers, which are found in any letter case."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header."""
        return self.headers.get(name, default)


class Request(NamedTuple):
    """What is sent, and within which bounds. None means what the configuration says."""

    method: str
    """The HTTP verb."""

    path: str
    """The endpoint's path, as logs and hooks may see it."""

    host: str | None = None
    """URL of the service."""

    target: str = ""
    """Path and query as they are sent; when empty, the path."""

    at_root: bool = False
    """Whether the path stands at the root of the host, instead of below the host's own path."""

    secret_query: str = ""
    """End of the query that no log and no error may show."""

    headers: Mapping[str, str] = MappingProxyType({})
    """Headers as they are sent."""

    body: bytes | None = None
    """Body as it is sent."""

    secrets: Iterable[str] = ()
    """API keys, which have to be masked where the answer echoes them."""

    mask: Callable[[str], str] = str
    """Masks in a line of the answer the keys and what it may repeat of the event."""

    preload_content: bool = True
    """False for urllib3's own response, unread."""

    timeout: TimeoutSetting = None
    """As ``configuration.timeout``."""

    deadline: float | None = None
    """As ``configuration.deadline``."""

    retries: Retries | None = None
    """As ``configuration.retries``."""

    def __repr__(self) -> str:
        """Show neither the key nor the event."""
        return f"Request({self.method!r}, {self.path!r})"


class RESTClientObject:
    """Connections to the service, and the rules for using them. Any number of threads may share one.

    :param configuration: read at each call; its TLS, proxy and pool settings when a connection pool is opened
    :param sleep: waits between attempts
    """

    def __init__(self, configuration: Configuration, sleep: Callable[[float], object] = time.sleep) -> None:
        self.configuration: Configuration = configuration
        self.sleep: Callable[[float], object] = sleep
        self._lock = threading.Lock()
        self._origins: dict[tuple[str, bool], Origin] = {}
        _clients.add(self)

    def request(self, request: Request) -> Any:
        """Send a request until it is answered, fails for good, or its deadline passes.

        :return: a RESTResponse, or urllib3's own response, unread, with ``preload_content=False``
        :raises ApiException: there was no answer, or one whose status is no success
        """
        origin = self._origin(request.host or self.configuration.host)
        delivery = _Delivery(self, origin, request)
        token = CURRENT.set(delivery.call)
        try:
            return delivery.run()
        finally:
            CURRENT.reset(token)

    def close(self) -> None:
        """Close all connections. A later call opens new ones."""
        with self._lock:
            origins = list(self._origins.values())
            self._origins = {}
        for origin in origins:
            origin.pool.close()
            origin.slots.release()

    def _forget(self) -> None:
        """Start anew, without a lock or a connection from before."""
        self._lock = threading.Lock()
        self._origins = {}

    def _origin(self, host: str) -> Origin:
        key = (host, self.configuration.allow_insecure_http)
        origin = self._origins.get(key)
        if origin is None:
            with self._lock, UNFORKED:
                origin = self._origins.get(key) or open_origin(self.configuration, host)
                self._origins[key] = origin
        return origin


_clients: weakref.WeakSet[RESTClientObject] = weakref.WeakSet()


def _close_all() -> None:
    for client in list(_clients):
        client.close()


def _forget_all() -> None:
    # A forked child owns neither the connections of its parent nor the locks that other threads held there.
    for client in list(_clients):
        client._forget()  # noqa: SLF001 - nobody else may call it


# urllib3 closes its pools at exit before the calls with a callback, which are given time to end, use them last.
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(after_in_child=_forget_all)


class _Delivery:
    """One call: its attempts, and what became of the last one."""

    def __init__(self, client: RESTClientObject, origin: Origin, request: Request) -> None:
        settings = client.configuration
        self._settings = settings
        self._sleep = client.sleep
        self._origin = origin
        self._request = request
        self._timeout = settings.timeout if request.timeout is None else request.timeout
        self._policy: Retry = policy_for(settings.retries if request.retries is None else request.retries)
        deadline = settings.deadline if request.deadline is None else request.deadline
        self.call = Call(time.monotonic() + deadline, request.secret_query)
        self._secrets = [secret for secret in request.secrets if secret]
        self._url = origin.root + ("" if request.at_root else origin.prefix) + (request.target or request.path)

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
            try:
                self._report(number, seconds, answer, failure)
            except BaseException:  # a hook was interrupted, and nobody gets the unread answer
                if response is not None:
                    response.close()
                    response.release_conn()
                raise
            if failure is None:
                return answer
            wait = self._wait(failure, response, error)
            if wait is None:
                raise failure from shown_cause(error)
            self._tell("on_retry", number, failure.status, seconds, failure, wait)
            if wait:
                self._sleep(wait)
                if self._left() <= 0:  # the machine slept longer than it was asked to
                    raise failure from shown_cause(error)

    def _report(self, number: int, seconds: float, answer: Any, failure: ApiException | None) -> None:
        """Tell the log and the hook how an attempt ended."""
        if failure:
            failure.attempts = number
        elif isinstance(answer, RESTResponse):
            answer.attempts = number
        status = failure.status if failure else answer.status
        request = self._request
        _logger.debug("%s %s %s %d ms attempt %d", request.method, request.path, status or "-", seconds * 1000, number)
        self._tell("on_response", number, status, seconds, failure)

    def _left(self) -> float:
        return self.call.deadline - time.monotonic()

    def _send(self) -> BaseHTTPResponse:
        left = max(self._left(), 0.001)  # urllib3 takes no 0; the socket knows better
        timeout = self._timeout
        if isinstance(timeout, Timeout):
            timeout = timeout.clone()
            timeout.total = left if timeout.total is None else min(left, timeout.total)  # type: ignore[type-var]  # never urllib3's "default" mark here
        else:
            connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
            timeout = Timeout(total=left, connect=connect, read=read)
        self.call.reused = self.call.answered = self.call.ended = False
        self.call.room = self._settings.max_response_size + _LARGEST_HEAD
        return self._origin.pool.urlopen(
            self._request.method,
            self._url,
            body=self._request.body,
            headers=self._request.headers,
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
            return response
        wanted = success and response.status != 204  # which says that there is nothing to read
        limit = self._settings.max_response_size
        data = b""
        try:
            if response.status >= 200:  # what follows a 1xx answers this request too, and must not meet the next
                # What says its length is read in one go, unless it has to be decompressed.
                known = (response.length_remaining or limit + 1) <= limit and "Content-Encoding" not in response.headers
                data = response.read(None if known else limit + 1)
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
            response.close()  # a connection whose answer was read to its end is back in the pool already
            response.release_conn()
        reason = response.reason
        if reason and not success and reason != responses.get(response.status):
            reason = self._request.mask(reason)  # an exception keeps it among its arguments, which its repr shows
        return RESTResponse(response.status, reason, data[:limit], response.headers)

    def _refusal(self, response: BaseHTTPResponse, answer: Any) -> ApiException | None:
        """Make the exception for an answer that is no success."""
        if 200 <= answer.status < 300:
            return None
        failure = class_for_status(answer.status)(http_resp=answer)
        if answer.status in _REDIRECTS:
            to = _shown_location(response.headers.get("Location", ""))
            failure = RedirectException(http_resp=answer)
            failure.reason = self._request.mask(f"refused to follow a redirect to {to}")
        failure.retry_after = retry_after(response)
        failure.body = without_keys(failure.body or "", self._secrets)
        failure.headers = self._masked(answer.headers)
        return failure

    def _translate(self, error: Exception, response: BaseHTTPResponse | None) -> ApiException:
        if isinstance(error, TooLargeError):
            limit = self._settings.max_response_size
            failure: ApiException = InvalidResponseException(
                0, f"the answer is larger than configuration.max_response_size, {limit} bytes"
            )
        else:
            failure = translate(error, self._origin.name, self._left() <= 0.001)
        if response is not None and isinstance(failure, InvalidResponseException):
            failure.status = response.status
            failure.headers = self._masked(response.headers)
        return failure

    def _masked(self, headers: HTTPHeaderDict) -> HTTPHeaderDict:
        return HTTPHeaderDict((name, without_keys(value, self._secrets)) for name, value in headers.items())

    def _wait(self, failure: ApiException, response: BaseHTTPResponse | None, error: Exception | None) -> float | None:
        """Tell how long to wait before the next attempt; None when there is none."""
        method, path = self._request.method, self._request.path
        if error is None and response is not None:
            if not self._policy.is_retry(method, response.status, "Retry-After" in response.headers):
                return None
        elif not isinstance(failure, ConnectionException) or isinstance(failure, TLSException):
            return None
        policy = exhausted(self._policy, method, path, response=None if error else response, error=error)
        if policy is None:
            return None
        self._policy = policy
        if error and self.call.reused and not self.call.answered and not isinstance(failure, TimeoutException):
            # The server had closed a kept connection, and most likely its neighbours: nobody has to back off.
            self._origin.slots.distrust()
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
    try:
        url = parse_url(location)
    except (HTTPError, ValueError):
        return "an address that can't be read"
    shown = url._replace(auth=None, query=None, fragment=None).url or "no address at all"
    return "an address with a user part" if "@" in shown else shown
