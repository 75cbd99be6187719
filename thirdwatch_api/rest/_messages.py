"""What goes through the transport: a Request in, a RESTResponse out."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from .._redaction import Redactor
from .._settings import Retries, TimeoutSetting

if TYPE_CHECKING:
    from urllib3 import HTTPHeaderDict

__all__ = ["RESTResponse", "Request"]


@dataclass(eq=False, repr=False, slots=True)
class RESTResponse:
    """A response whose body was read: what the transport returns."""

    status: int
    """The HTTP status."""

    reason: str | None
    """The reason phrase."""

    data: bytes
    """The body, decompressed."""

    headers: HTTPHeaderDict
    """The headers, found in any letter case."""

    until: float = float("inf")
    """``time.monotonic()`` at which the call has to end."""

    proxy_headers: Mapping[str, str] = field(default_factory=dict)
    """What else was sent with the request, for the proxy alone."""

    attempts: int = 0
    """How many attempts it took."""

    def getheaders(self) -> HTTPHeaderDict:
        """Return all headers, which are found in any letter case."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header."""
        return self.headers.get(name, default)


@dataclass(eq=False, repr=False, slots=True)
class Request:
    """What one call sends, with its own settings. None means the configuration's.

    It is no tuple: error trackers would list what is in it, the API key and the event.
    """

    method: str
    """The HTTP verb."""

    path: str
    """The endpoint's path, as logs and hooks may see it."""

    _: KW_ONLY

    host: str | None = None
    """URL of the service."""

    target: str = ""
    """Path and query as they are sent; when empty, the path."""

    at_root: bool = False
    """Whether the path stands at the root of the host, instead of below the host's own path."""

    secret_query: str = ""
    """End of the query, which no log and no error may show."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers as they are sent."""

    body: bytes | None = None
    """Body as it is sent."""

    key: str = ""
    """The API key, which is masked where the response repeats it."""

    model: type = object
    """Class of the body: a model, or the type of a plain value."""

    response_type: Any = None
    """Type of the response, as for ``ApiClient.deserialize``; None to ignore its body."""

    any_body: bool = False
    """Whether a response with a 2xx status is a success even if it is not a JSON object."""

    preload_content: bool = True
    """False for urllib3's own response, unread."""

    timeout: TimeoutSetting = None
    """As ``configuration.timeout``."""

    deadline: float | None = None
    """As ``configuration.deadline``."""

    retries: Retries | None = None
    """As ``configuration.retries``."""

    def public_keys(self) -> Container[str]:
        """Return the JSON keys of the event whose texts are not personal and may be shown: here, none."""
        return ()

    def read_error(self, redactor: Redactor, data: bytes) -> Any:
        """Read the body of an error response, if the class of the request can."""

    def redactor(self, proxy_headers: Mapping[str, str]) -> Redactor:
        """Return a Redactor that masks what a response repeats of this request. A success needs none.

        :param proxy_headers: headers that were sent for the proxy, which may hold a password
        """
        headers = {**self.headers, **proxy_headers}
        return Redactor(self.key, headers, self.body, self.public_keys)

    def __repr__(self) -> str:
        """Show neither the key nor the event."""
        return f"Request({self.method!r}, {self.path!r})"
