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
    """A response that was read to its end."""

    __slots__ = ("attempts", "data", "headers", "reason", "status", "until")

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

    def __init__(
        self, status: int, reason: str | None, data: bytes, headers: HTTPHeaderDict, until: float = float("inf")
    ) -> None:
        self.status = status
        self.reason = reason
        self.data = data
        self.headers = headers
        self.attempts = 0
        self.until = until

    def getheaders(self) -> HTTPHeaderDict:
        """Return all headers, which are found in any letter case."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header."""
        return self.headers.get(name, default)


def _nothing_public(_model: object) -> Container[str]:
    """Take each text of the event for personal."""
    return ()


def _unexplained(redactor: Redactor, data: bytes) -> None:
    """Make nothing of the body of a refusal."""


class Request:
    """What is sent, and within which bounds. None means what the configuration says.

    It is no tuple: error trackers would list what is in it, the API key and the event.
    """

    __slots__ = (
        "at_root",
        "body",
        "deadline",
        "explain",
        "headers",
        "host",
        "key",
        "method",
        "model",
        "path",
        "preload_content",
        "public_keys",
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
    """End of the query that no log and no error may show."""

    headers: Mapping[str, str]
    """Headers as they are sent."""

    body: bytes | None
    """Body as it is sent."""

    key: str
    """The API key, which has to be masked where the response repeats it."""

    model: object
    """What the body is."""

    public_keys: Callable[[Any], Container[str]]
    """Returns the JSON keys of the model whose texts are about nobody, and may be shown."""

    explain: Callable[[Redactor, bytes], Any]
    """Reads the body of a refusal: an ErrorResponse, or None when it is not JSON."""

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
        explain: Callable[[Redactor, bytes], Any] = _unexplained,
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
        self.explain = explain
        self.preload_content = preload_content
        self.timeout = timeout
        self.deadline = deadline
        self.retries = retries

    def redactor(self) -> Redactor:
        """Make what masks in the response what it may repeat of this request. A success needs none."""
        return Redactor(self.key, self.headers, self.body, partial(self.public_keys, self.model))

    def __repr__(self) -> str:
        """Show neither the key nor the event."""
        return f"Request({self.method!r}, {self.path!r})"
