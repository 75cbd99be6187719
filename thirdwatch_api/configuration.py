"""Configuration: every setting of a client, checked where it is assigned. No I/O but for ``logger_file``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ._lazy import LateSignature, load
from ._redaction import MASK, without_user
from ._settings import (
    API_KEY_HEADER,
    CHECKS,
    Count,
    HeaderText,
    Hook,
    Host,
    Keys,
    PathText,
    Prefixes,
    ProxyURL,
    Retries,
    Seconds,
    Secrets,
    TimeoutSetting,
    check_text,
    did_you_mean,
    key_text,
)
from .exceptions import ApiTypeError, ApiValueError
from .version import __version__

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    from .api_client import ApiClient
else:
    # Type checkers make the constructor from the declarations, as they do for a dataclass.
    def dataclass_transform(**_options: object) -> Any:
        return lambda decorator: decorator


__all__ = [
    "API_KEY_HEADER",
    "Configuration",
    "Hook",
    "Retries",
    "Seconds",
    "TimeoutSetting",
    "default_configuration",
    "did_you_mean",
]

_C = TypeVar("_C", bound=type)

_PRIVATE = ("_log_handler", "_logger_file", "_logger_format", "_shared")


def converted(*, default: object) -> Any:
    """Return the default of a setting that is kept in another type than it is assigned in."""
    return default


@dataclass_transform(kw_only_default=True, field_specifiers=(converted,))
def _with_settings(cls: _C) -> _C:
    """Make a constructor and slots of the declared settings, as ``dataclass(kw_only=True, slots=True)`` would.

    An unknown keyword is an error that names the nearest one: Python does so from 3.13 on.
    """
    body = dict(vars(cls))
    types: dict[str, str] = body["__annotations__"]
    defaults = {name: body.pop(name) for name in types}

    def construct(self: Any, **given: object) -> None:
        for name in given:
            if name not in defaults:
                hint = did_you_mean(name, defaults)
                raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {name!r}{hint}")
        self._begin({**defaults, **given})

    def signature() -> Any:
        inspect = load("inspect")
        first, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        keywords = [inspect.Parameter(name, keyword, default=defaults[name], annotation=types[name]) for name in types]
        return inspect.Signature([inspect.Parameter("self", first), *keywords])

    construct.__wrapped__ = LateSignature(signature)  # type: ignore[attr-defined]  # inspect looks there
    construct.__name__, construct.__qualname__ = "__init__", f"{cls.__name__}.__init__"
    for name in ("__dict__", "__weakref__"):
        del body[name]
    body |= {"__init__": construct, "__slots__": (*types, *_PRIVATE)}
    make: Any = type(cls)
    made: _C = make(cls.__name__, cls.__bases__, body)
    return made


def _handler_for(logger: logging.Logger, path: str) -> logging.Handler:
    """Open a file for the log, or take the handler that another configuration opened for it."""
    full_path = os.path.abspath(path)  # noqa: PTH100 - as FileHandler does; pathlib is slow to import
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler) and handler.baseFilename == full_path:
            return handler
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise ApiValueError(f"logger_file: can't be written ({error.strerror})") from None
    logger.addHandler(handler)
    return handler


@_with_settings
class Configuration:
    """Settings of a client. Each is an attribute, and a keyword of the constructor.

    ``thirdwatch_api.configuration`` is the one that API objects use when they are given no client. Host, key,
    time-outs, retries, hooks and validation are read at each call; proxy, TLS and pool settings when a client
    opens its connections, which is at its first call.

    :raises ApiTypeError: a setting has a type that can't be right
    :raises ApiValueError: a setting has a value that can't be right
    :raises AttributeError: there is no such setting
    """

    host: Host = converted(default=None)
    """Where the service is, path included. Default, also when it is None: ``THIRDWATCH_HOST``, else
    ``https://api.thirdwatch.ai/event``. An empty one is an error at the call."""

    api_key: Keys = converted(default=None)
    """API keys by header name; the service knows ``X-THIRDWATCH-API-KEY``. Assign text or bytes to set that one.

    That name has no letter case: the last key that is assigned under it counts.

    Default: ``THIRDWATCH_API_KEY``. White space around a key is dropped when it is sent. A key that is given and is
    empty is no key, and an error at the call; None removes all keys."""

    api_key_prefix: Prefixes = converted(default=None)
    """Word to put before a key, by header name. The service wants none."""

    timeout: TimeoutSetting = (3.0, 10.0)
    """Seconds. One number bounds connecting and each wait for bytes, apart; a pair is (connect, read); a
    ``urllib3.Timeout`` works as well; None leaves only the deadline. Default: (3, 10)."""

    deadline: Seconds = 30.0
    """Seconds that a whole call may take: all attempts, the waits between them, reading the response. At most 24 days,
    as all seconds here. Default: 30."""

    retries: Retries = 3
    """How often an event is sent again after a failure that may pass; 0 for at most once. A ``urllib3.Retry`` is
    used as it is, but never follows a redirect. Default: 3."""

    connection_pool_maxsize: Count = 32
    """Connections kept to one host, and the most that are open at a time. Default: 32."""

    proxy: ProxyURL = None
    """URL of an HTTP proxy, user and password included; ``""`` for none. Default: that of the environment
    (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``)."""

    verify_ssl: bool = True
    """Whether the service's certificate is verified. Never turn it off in production. Default: True."""

    ssl_ca_cert: PathText = converted(default=None)
    """Path of a file (PEM) or folder of trusted authorities. Default: ``SSL_CERT_FILE``, else
    ``REQUESTS_CA_BUNDLE``, else certifi's."""

    cert_file: PathText = converted(default=None)
    """Path of the client certificate (PEM) for mutual TLS, with its key unless ``key_file`` is set."""

    key_file: PathText = converted(default=None)
    """Path of the private key (PEM) that belongs to ``cert_file``."""

    allow_insecure_http: bool = False
    """Whether a ``http://`` host other than loopback may be called, with the key in clear. Default: False."""

    idle_timeout: Seconds = 50.0
    """Seconds after which an unused connection is not used again. Default: 50, less than load balancers' 60."""

    max_response_size: Count = 4 * 1024 * 1024
    """Bytes of a response, decompressed, above which it is refused. Default: 4 MiB."""

    callback_threads: Count = 4
    """The most threads that ``callback=`` starts in one client. Default: 4."""

    callback_queue: Count = 10_000
    """The most calls with ``callback=`` that wait for a thread in one client. A call beyond it raises ApiException, and
    nothing is sent. Default: 10,000."""

    client_side_validation: bool = True
    """Whether an event is checked before it is sent. Default: True."""

    app_info: HeaderText = None
    """Name and version of the application (``my-shop/2.1``), appended to the User-Agent."""

    debug: bool = False
    """Whether the logger ``thirdwatch_api`` takes DEBUG records: one for each attempt, without key or event.

    It belongs to the process, as loggers do. Where the records go is up to ``logging``, or ``logger_file``."""

    on_request: Hook = None
    """Called with an Attempt before it is made. What a hook raises is logged and never breaks a call."""

    on_response: Hook = None
    """Called with an Attempt after it was made, with a response or without."""

    on_retry: Hook = None
    """Called with a failed Attempt before the wait for the next one."""

    # Settings of 0.0.3 that have no use here: accepted, and copied.
    username: object = ""
    password: object = ""
    temp_folder_path: object = None

    def _begin(self, settings: Mapping[str, object]) -> None:
        """Assign all settings of a new configuration."""
        self._shared: dict[str, ApiClient] = {}
        self._log_handler: logging.Handler | None = None
        self._logger_file: str | None = None
        self._logger_format = "%(asctime)s %(levelname)s %(message)s"
        for name, value in settings.items():
            self._store(name, value)
        if settings["api_key"] is None:  # a key that was given and is empty is no key, and never the environment's
            self.api_key = os.environ.get("THIRDWATCH_API_KEY") or None
        if self.debug:  # the level belongs to the process: without debug, a new configuration leaves it alone
            self.debug = True

    def _store(self, name: str, value: object) -> None:
        kind = Configuration.__annotations__.get(name)
        try:
            object.__setattr__(self, name, CHECKS[kind](name, value) if kind else value)
        except AttributeError:
            raise AttributeError(f"Configuration has no setting {name!r}{did_you_mean(name, self._names())}") from None

    def _set(self, name: str, value: object) -> None:
        self._store(name, value)
        if name == "debug":
            logging.getLogger(__package__).setLevel(logging.DEBUG if self.debug else logging.NOTSET)

    if not TYPE_CHECKING:  # pragma: no branch - type checkers would take any name for a setting
        __setattr__ = _set

    @property
    def api_client(self) -> ApiClient | None:
        """The client that API objects without one share; made when it is first needed."""
        return self._shared.get("client")

    @api_client.setter
    def api_client(self, value: ApiClient | None) -> None:
        self._shared = {"client": value} if value else {}

    def share(self, client: ApiClient) -> ApiClient:
        """Offer a client to be shared, and return the one that is: of two threads that offer one, the first wins."""
        return self._shared.setdefault("client", client)

    @property
    def logger_file(self) -> str | None:
        """Path of a file that the log records are appended to; None for none."""
        return self._logger_file

    @logger_file.setter
    def logger_file(self, value: str | os.PathLike[str] | None) -> None:
        logger = logging.getLogger(__package__)
        if self._log_handler:
            logger.removeHandler(self._log_handler)
            self._log_handler.close()
        self._logger_file = check_text("logger_file", value)
        self._log_handler = _handler_for(logger, self._logger_file) if self._logger_file else None
        self.logger_format = self._logger_format

    @property
    def logger_format(self) -> str:
        """Format of the records in ``logger_file``, as ``logging.Formatter`` takes it."""
        return self._logger_format

    @logger_format.setter
    def logger_format(self, value: str) -> None:
        if not isinstance(value, str):
            raise ApiTypeError(f"logger_format: expected text, got {type(value).__name__}")
        try:
            formatter = logging.Formatter(value)
        except ValueError:
            raise ApiValueError("logger_format: is not what logging.Formatter takes") from None
        self._logger_format = value
        if self._log_handler:
            self._log_handler.setFormatter(formatter)

    def get_api_key_with_prefix(self, identifier: str) -> str | None:
        """Return a key as it is sent, with its prefix if there is one; None without the key.

        :param identifier: name of the header, ``X-THIRDWATCH-API-KEY``
        :raises ApiTypeError: the key is neither text nor bytes
        :raises ApiValueError: the key is not UTF-8
        """
        key: object = self.api_key.get(identifier)
        if not key:
            return None
        if not isinstance(key, (str, bytes)):
            raise ApiTypeError(f"api_key: expected text or bytes, got {type(key).__name__}")
        key = key_text("api_key", key)
        prefix = self.api_key_prefix and self.api_key_prefix.get(identifier)
        return f"{prefix} {key}" if prefix and key else key or None

    def has_key_of_environment(self) -> bool:
        """Return whether the API key is the default, which ``THIRDWATCH_API_KEY`` in the environment gave."""
        return bool(self.api_key.get(API_KEY_HEADER) == os.environ.get("THIRDWATCH_API_KEY"))

    def auth_settings(self) -> dict[str, dict[str, str | None]]:
        """Describe how a call proves who it comes from; the key itself is in it."""
        return {
            "api_key": {
                "type": "api_key",
                "in": "header",
                "key": API_KEY_HEADER,
                "value": self.get_api_key_with_prefix(API_KEY_HEADER),
            }
        }

    def to_debug_report(self) -> str:
        """Return what a bug report should open with. Nothing in it is secret."""
        platform: str = load("platform").platform()
        return f"Platform: {platform}\nPython: {sys.version}\nthirdwatch_api: {__version__}\nAPI version: 0.0.2"

    @staticmethod
    def _names() -> list[str]:
        """Name all settings that make one configuration differ from another."""
        return [*Configuration.__annotations__, "logger_format", "logger_file"]

    def __repr__(self) -> str:
        """Show all settings, with keys and the proxy's address masked."""
        values = self.__getstate__()
        values.update(api_key=Secrets(self.api_key), proxy=self.proxy and MASK, host=without_user(self.host))
        for ignored in ("username", "password", "temp_folder_path"):
            del values[ignored]
        return f"Configuration({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings for a copy or a pickle; a copy makes a client of its own."""
        return {name: getattr(self, name) for name in self._names()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the settings of another configuration."""
        Configuration.__init__(self)
        for name, value in state.items():
            setattr(self, name, value)


_default: Callable[[], Configuration]


def hand_down(default: Callable[[], Configuration]) -> None:
    """Take from the root package what returns ``thirdwatch_api.configuration`` as it is then."""
    global _default  # noqa: PLW0603 - the root does so once
    _default = default


def default_configuration() -> Configuration:
    """Return ``thirdwatch_api.configuration`` as it is now: users may assign another one."""
    return _default()
