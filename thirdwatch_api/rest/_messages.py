"""What goes through the transport: a Request in, a RESTResponse out."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from .._redaction import Redactor
from ..configuration import Retries, TimeoutSetting

if TYPE_CHECKING:
    from urllib3 import HTTPHeaderDict

__all__ = ["RESTResponse", "Request"]


class RESTResponse:
    """A response that was read to its end."""

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
    """Take each text of the event for personal."""
    return ()


def _unexplained(redactor: Redactor, data: bytes) -> None:
    """Make nothing of the body of a refusal."""


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

    key: str = ""
    """The API key, which has to be masked where the response repeats it."""

    model: object = None
    """What the body is."""

    public_keys: Callable[[Any], Container[str]] = _nothing_public
    """Returns the JSON keys of the model whose texts are about nobody, and may be shown."""

    explain: Callable[[Redactor, bytes], Any] = _unexplained
    """Reads the body of a refusal: an ErrorResponse, or None when it is not JSON."""

    preload_content: bool = True
    """False for urllib3's own response, unread."""

    timeout: TimeoutSetting = None
    """As ``configuration.timeout``."""

    deadline: float | None = None
    """As ``configuration.deadline``."""

    retries: Retries | None = None
    """As ``configuration.retries``."""

    def redactor(self, proxy_headers: Mapping[str, str]) -> Redactor:
        """Make what masks in the response what it may repeat of this request. A success needs none.

        :param proxy_headers: what was sent with it for the proxy, which may hold a password
        """
        headers = {**self.headers, **proxy_headers}
        return Redactor(self.key, headers, self.body, partial(self.public_keys, self.model))

    def __repr__(self) -> str:
        """Show neither the key nor the event."""
        return f"Request({self.method!r}, {self.path!r})"
