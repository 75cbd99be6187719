"""What goes through the transport: a Request in, a RESTResponse out."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._redaction import Redactor
from ..configuration import Retries, TimeoutSetting

if TYPE_CHECKING:
    from urllib3 import HTTPHeaderDict

__all__ = ["RESTResponse", "Request"]


class RESTResponse:
    """A response whose body was read: what the transport returns."""

    __slots__ = ("attempts", "data", "headers", "proxy_headers", "reason", "status", "until")

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

    until: float
    """``time.monotonic()`` at which the call has to end."""

    proxy_headers: Mapping[str, str]
    """What else was sent with the request, for the proxy alone."""

    def __init__(
        self,
        status: int,
        reason: str | None,
        data: bytes,
        headers: HTTPHeaderDict,
        until: float = float("inf"),
        proxy_headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.status = status
        self.reason = reason
        self.data = data
        self.headers = headers
        self.attempts = 0
        self.until = until
        self.proxy_headers = proxy_headers

    def getheaders(self) -> HTTPHeaderDict:
        """Return all headers, which are found in any letter case."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header."""
        return self.headers.get(name, default)


def _nothing_public(_model: object) -> Container[str]:
    """Return no key: every text of the event is personal."""
    return ()


def _read_nothing(redactor: Redactor, data: bytes) -> None:
    """Leave the body of an error response unread."""


class Request:
    """What one call sends, with its own settings. None means the configuration's.

    It is no tuple: error trackers would list what is in it, the API key and the event.
    """

    __slots__ = (
        "at_root",
        "body",
        "deadline",
        "headers",
        "host",
        "key",
        "method",
        "model",
        "path",
        "preload_content",
        "public_keys",
        "read_error",
        "retries",
        "secret_query",
        "target",
        "timeout",
    )

    method: str
    """The HTTP verb."""

    path: str
    """The endpoint's path, as logs and hooks may see it."""

    host: str | None
    """URL of the service."""

    target: str
    """Path and query as they are sent; when empty, the path."""

    at_root: bool
    """Whether the path stands at the root of the host, instead of below the host's own path."""

    secret_query: str
    """End of the query, which no log and no error may show."""

    headers: Mapping[str, str]
    """Headers as they are sent."""

    body: bytes | None
    """Body as it is sent."""

    key: str
    """The API key, which is masked where the response repeats it."""

    model: object
    """Class of the body: a model, or the type of a plain value."""

    public_keys: Callable[[Any], Container[str]]
    """Returns the JSON keys of the model whose texts are not personal and may be shown."""

    read_error: Callable[[Redactor, bytes], Any]
    """Reads the body of an error response: an ErrorResponse, or None when it is not a JSON object."""

    preload_content: bool
    """False for urllib3's own response, unread."""

    timeout: TimeoutSetting
    """As ``configuration.timeout``."""

    deadline: float | None
    """As ``configuration.deadline``."""

    retries: Retries | None
    """As ``configuration.retries``."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        host: str | None = None,
        target: str = "",
        at_root: bool = False,
        secret_query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
        key: str = "",
        model: object = None,
        public_keys: Callable[[Any], Container[str]] = _nothing_public,
        read_error: Callable[[Redactor, bytes], Any] = _read_nothing,
        preload_content: bool = True,
        timeout: TimeoutSetting = None,
        deadline: float | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.host = host
        self.target = target
        self.at_root = at_root
        self.secret_query = secret_query
        self.headers = headers
        self.body = body
        self.key = key
        self.model = model
        self.public_keys = public_keys
        self.read_error = read_error
        self.preload_content = preload_content
        self.timeout = timeout
        self.deadline = deadline
        self.retries = retries

    def redactor(self, proxy_headers: Mapping[str, str]) -> Redactor:
        """Return a Redactor that masks what a response repeats of this request. A success needs none.

        :param proxy_headers: headers that were sent for the proxy, which may hold a password
        """
        headers = {**self.headers, **proxy_headers}
        return Redactor(self.key, headers, self.body, partial(self.public_keys, self.model))

    def __repr__(self) -> str:
        """Show neither the key nor the event."""
        return f"Request({self.method!r}, {self.path!r})"
