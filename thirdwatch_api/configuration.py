"""Configuration: every setting of a client, checked where it is assigned. No I/O but for ``logger_file``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ._lazy import load
from ._redaction import MASK, without_user
from .exceptions import ApiTypeError, ApiValueError
from .version import __version__

if TYPE_CHECKING:
    from typing_extensions import Self
    from urllib3.util import Retry, Timeout

    from .api_client import ApiClient
    from .attempt import Attempt

__all__ = ["API_KEY_HEADER", "Configuration", "Retries", "Seconds", "TimeoutSetting"]

API_KEY_HEADER = "X-THIRDWATCH-API-KEY"
"""Name of the header that carries the API key, and of its entry in ``api_key``."""

Count: TypeAlias = int
Seconds: TypeAlias = float
Host: TypeAlias = str
HeaderText: TypeAlias = str
TimeoutSetting: TypeAlias = "Seconds | tuple[Seconds | None, Seconds | None] | Timeout | None"
Retries: TypeAlias = "int | Retry"

_DEFAULT_HOST = "https://api.thirdwatch.ai/event"
_LONGEST = 24 * 24 * 3600  # 24 days: poll() counts milliseconds in 32 bits, which end a day later

_IGNORED = ("username", "password", "temp_folder_path")
"""Settings of 0.0.3 that have no use here: accepted, and copied."""

_Init = TypeVar("_Init", bound=Callable[..., None])

Hook: TypeAlias = "Callable[[Attempt], object] | None"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or nothing when none is near."""
    near = load("difflib").get_close_matches(name, list(names), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _assigns_settings(init: _Init) -> _Init:
    """Make a constructor assign the settings that ``Configuration`` declares, before its own body runs.

    An unknown keyword is an error that names the nearest one: Python does so from 3.13 on.
    """
    defaults: dict[str, object] = init.__kwdefaults__ or {}

    @wraps(init)
    def construct(self: object, *args: object, **given: object) -> None:
        for name in given:
            if name not in defaults:
                hint = did_you_mean(name, defaults)
                raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {name!r}{hint}")
        for name in (*Configuration.__annotations__, *_IGNORED):
            setattr(self, name, given.get(name, defaults[name]))
        init(self, *args, **given)

    return construct  # type: ignore[return-value]  # wraps() keeps the signature


def _canonical(name: Any) -> Any:
    """Return the name of the key's header as we write it: header names have no letter case."""
    return API_KEY_HEADER if isinstance(name, str) and name.upper() == API_KEY_HEADER else name


class _Secrets(dict[str, str]):
    """Texts by name that do not print. The name of the API key is one in any letter case, so the last key wins."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, MASK))

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(_canonical(name), value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(_canonical(name))

    def __delitem__(self, name: str) -> None:
        super().__delitem__(_canonical(name))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(_canonical(name))

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]  # dict's has overloads for the same
        self.update(other)
        return self

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(_canonical(name), default)

    def pop(self, name: str, *default: Any) -> Any:
        return super().pop(_canonical(name), *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        return super().setdefault(_canonical(name), default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def copy(self) -> Self:
        return type(self)(self)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError(f"{name}: expected seconds as a number, got {type(value).__name__}")
    if not 0 < value <= _LONGEST:  # which refuses NaN, too
        raise ApiValueError(f"{name}: seconds must be more than 0, and at most {_LONGEST:,} (24 days)")
    return value


def check_timeout(name: str, value: object) -> Any:
    """Refuse what can't be a time-out; see ``Configuration.timeout`` for what can."""
    if value is None or hasattr(value, "connect_timeout"):  # urllib3.Timeout: only rest imports urllib3
        return value
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ApiValueError(f"{name}: a pair is (connect, read), got {len(value)} values")
        return tuple(None if part is None else _number(name, part) for part in value)
    return _number(name, value)


def check_retries(name: str, value: object) -> Any:
    """Refuse what can't be a number of retries or a ``urllib3.Retry``."""
    if hasattr(value, "increment"):  # urllib3.Retry: only rest imports urllib3
        return value
    return _count(name, value, 0)


def check_deadline(name: str, value: object) -> float:
    """Refuse what can't bound a call, None included."""
    return _number(name, value)


def _count(name: str, value: object, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiTypeError(f"{name}: expected a whole number, got {type(value).__name__}")
    if value < least:
        raise ApiValueError(f"{name}: must be at least {least}")
    return value


def _positive(name: str, value: object) -> int:
    return _count(name, value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, (bool, int)):
        raise ApiTypeError(f"{name}: expected True or False, got {type(value).__name__}")
    return bool(value)


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise ApiTypeError(f"{name}: expected text, got {type(value).__name__}")
    return _decoded(name, os.fspath(value))


def _line(name: str, value: object) -> str | None:
    text = _text(name, value)
    if text is not None and not (text.isascii() and text.isprintable()):
        raise ApiValueError(f"{name}: goes into a header, and holds a line break or a character outside of ASCII")
    return text


def _host(name: str, value: object) -> str:
    """Return the default for None alone: a host that was given and is empty is refused at the call."""
    text = _text(name, value)
    return os.environ.get("THIRDWATCH_HOST") or _DEFAULT_HOST if text is None else text


def _decoded(name: str, value: str | bytes) -> str:
    try:
        text: str = value if isinstance(value, str) else load("six").ensure_str(value)
    except UnicodeDecodeError:
        raise ApiValueError(f"{name}: the bytes are not UTF-8") from None
    return text


def _key_text(name: str, value: str | bytes) -> str:
    """Decode a key, and drop white space around it. One of the environment may hold bytes that are not UTF-8."""
    key = _decoded(name, value).strip()
    if not key.isascii() and any("\ud800" <= character <= "\udfff" for character in key):
        raise ApiValueError(f"{name}: the bytes are not UTF-8")
    return key


def _hook(name: str, value: object) -> object:
    if value is not None and not callable(value):
        raise ApiTypeError(f"{name}: expected a function of one Attempt, got {type(value).__name__}")
    return value


def _secrets(name: str, value: object) -> _Secrets:
    if value is None:
        return _Secrets()
    if isinstance(value, (str, bytes)):
        value = {API_KEY_HEADER: value}
    if not isinstance(value, Mapping):
        raise ApiTypeError(f"{name}: expected text, bytes or a dict, got {type(value).__name__}")
    return _Secrets(value)


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "Count": _positive,
    "HeaderText | None": _line,
    "Hook": _hook,
    "Host": _host,
    "Retries": check_retries,
    "Seconds": check_deadline,
    "TimeoutSetting": check_timeout,
    "bool": _flag,
    "str | None": _text,
}
"""The check of a setting, by the annotation under which ``Configuration`` declares it."""


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


class Configuration:
    """Settings of a client. Each is an attribute, and a keyword of the constructor.

    ``thirdwatch_api.configuration`` is the one that API objects use when they are given no client. Host, key,
    time-outs, retries, hooks and validation are read at each call; proxy, TLS and pool settings when a client
    opens its connections, which is at its first call.

    :raises ApiTypeError: a setting has a type that can't be right
    :raises ApiValueError: a setting has a value that can't be right
    :raises AttributeError: there is no such setting
    """

    host: Host
    """Where the service is, path included. Default, also when it is None: ``THIRDWATCH_HOST``, else
    ``https://api.thirdwatch.ai/event``. An empty one is an error at the call."""

    timeout: TimeoutSetting
    """Seconds. One number bounds connecting and each wait for bytes, apart; a pair is (connect, read); a
    ``urllib3.Timeout`` works as well; None leaves only the deadline. Default: (3, 10)."""

    deadline: Seconds
    """Seconds that a whole call may take: all attempts, the waits between them, reading the response. At most 24 days,
    as all seconds here. Default: 30."""

    retries: Retries
    """How often an event is sent again after a failure that may pass; 0 for at most once. A ``urllib3.Retry`` is
    used as it is, but never follows a redirect. Default: 3."""

    connection_pool_maxsize: Count
    """Connections kept to one host, and the most that are open at a time. Default: 32."""

    proxy: str | None
    """URL of an HTTP proxy, user and password included; ``""`` for none. Default: what the environment says
    (``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``)."""

    verify_ssl: bool
    """Whether the service's certificate is verified. Never turn it off in production. Default: True."""

    ssl_ca_cert: str | None
    """Path of a file (PEM) or folder of trusted authorities. Default: ``SSL_CERT_FILE``, else
    ``REQUESTS_CA_BUNDLE``, else certifi's."""

    cert_file: str | None
    """Path of the client certificate (PEM) for mutual TLS, with its key unless ``key_file`` is set."""

    key_file: str | None
    """Path of the private key (PEM) that belongs to ``cert_file``."""

    allow_insecure_http: bool
    """Whether a ``http://`` host other than loopback may be called, with the key in clear. Default: False."""

    idle_timeout: Seconds
    """Seconds after which an unused connection is not used again. Default: 50, less than load balancers' 60."""

    max_response_size: Count
    """Bytes of a response, decompressed, above which it is refused. Default: 4 MiB."""

    callback_threads: Count
    """The most threads that ``callback=`` starts in one client. Default: 4."""

    callback_queue: Count
    """The most calls with ``callback=`` that wait for a thread in one client. A call beyond it raises ApiException, and
    nothing is sent. Default: 10,000."""

    client_side_validation: bool
    """Whether an event is checked before it is sent. Default: True."""

    app_info: HeaderText | None
    """Name and version of the application (``my-shop/2.1``), appended to the User-Agent."""

    on_request: Hook
    """Called with an Attempt before it is made. What a hook raises is logged and never breaks a call."""

    on_response: Hook
    """Called with an Attempt after it was made, with a response or without."""

    on_retry: Hook
    """Called with a failed Attempt before the wait for the next one."""

    __slots__ = (
        *__annotations__,
        *_IGNORED,
        "_api_key",
        "_api_key_prefix",
        "_debug",
        "_log_handler",
        "_logger_file",
        "_logger_format",
        "_shared",
    )

    @_assigns_settings
    def __init__(
        self,
        *,
        host: str | None = None,
        api_key: str | bytes | Mapping[str, str | bytes] | None = None,
        api_key_prefix: Mapping[str, str] | None = None,
        timeout: TimeoutSetting = (3.0, 10.0),
        deadline: Seconds = 30.0,
        retries: Retries = 3,
        connection_pool_maxsize: int = 32,
        proxy: str | None = None,
        verify_ssl: bool = True,
        ssl_ca_cert: str | os.PathLike[str] | None = None,
        cert_file: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        allow_insecure_http: bool = False,
        idle_timeout: Seconds = 50.0,
        max_response_size: int = 4 * 1024 * 1024,
        callback_threads: int = 4,
        callback_queue: int = 10_000,
        client_side_validation: bool = True,
        app_info: str | None = None,
        debug: bool = False,
        on_request: Hook = None,
        on_response: Hook = None,
        on_retry: Hook = None,
        username: object = "",
        password: object = "",
        temp_folder_path: object = None,
    ) -> None:
        self._shared: dict[str, ApiClient] = {}
        self._log_handler: logging.Handler | None = None
        self._logger_file: str | None = None
        self._logger_format = "%(asctime)s %(levelname)s %(message)s"
        self._debug = False
        if debug:  # the level belongs to the process: without debug, a new configuration leaves it alone
            self.debug = debug
        # A key that was given and is empty is no key, and never the environment's.
        self.api_key = os.environ.get("THIRDWATCH_API_KEY") or None if api_key is None else api_key
        self.api_key_prefix = api_key_prefix

    def _set(self, name: str, value: object) -> None:
        declared = Configuration.__annotations__.get(name)
        try:
            object.__setattr__(self, name, _CHECKS[declared](name, value) if declared else value)
        except AttributeError:
            raise AttributeError(f"Configuration has no setting {name!r}{did_you_mean(name, self._names())}") from None

    if not TYPE_CHECKING:  # pragma: no branch - type checkers would take any name for a setting
        __setattr__ = _set

    @property
    def api_key(self) -> dict[str, str]:
        """API keys by header name; the service knows ``X-THIRDWATCH-API-KEY``. Assign text or bytes to set that one.

        That name has no letter case: the last key that is assigned under it counts.

        Default: ``THIRDWATCH_API_KEY``. White space around a key is dropped when it is sent. A key that is given and
        is empty is no key, and an error at the call; None removes all keys.
        """
        return self._api_key

    @api_key.setter
    def api_key(self, value: str | bytes | Mapping[str, str | bytes] | None) -> None:
        self._api_key = _secrets("api_key", value)

    @property
    def api_key_prefix(self) -> dict[str, str]:
        """Word to put before a key, by header name. The service wants none."""
        return self._api_key_prefix

    @api_key_prefix.setter
    def api_key_prefix(self, value: Mapping[str, str] | None) -> None:
        self._api_key_prefix = _secrets("api_key_prefix", value)

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
    def debug(self) -> bool:
        """Whether the logger ``thirdwatch_api`` takes DEBUG records: one for each attempt, without key or event.

        It belongs to the process, as loggers do. Where the records go is up to ``logging``, or ``logger_file``.
        """
        return self._debug

    @debug.setter
    def debug(self, value: bool) -> None:
        self._debug = _flag("debug", value)
        logging.getLogger(__package__).setLevel(logging.DEBUG if value else logging.NOTSET)

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
        self._logger_file = _text("logger_file", value)
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
        key: object = self._api_key.get(identifier)
        if not key:
            return None
        if not isinstance(key, (str, bytes)):
            raise ApiTypeError(f"api_key: expected text or bytes, got {type(key).__name__}")
        key = _key_text("api_key", key)
        prefix = self._api_key_prefix.get(identifier)
        return f"{prefix} {key}" if prefix and key else key or None

    def has_key_of_environment(self) -> bool:
        """Return whether the API key is the default, which ``THIRDWATCH_API_KEY`` in the environment gave."""
        return bool(self._api_key.get(API_KEY_HEADER) == os.environ.get("THIRDWATCH_API_KEY"))

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
        properties = ["api_key", "api_key_prefix", "debug", "logger_format", "logger_file"]
        return [*Configuration.__annotations__, *_IGNORED, *properties]

    def __repr__(self) -> str:
        """Show all settings, with keys and the proxy's address masked."""
        values = self.__getstate__()
        values.update(api_key=_Secrets(self._api_key), proxy=self.proxy and MASK, host=without_user(self.host))
        for ignored in _IGNORED:
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


def default_configuration() -> Configuration:
    """Return ``thirdwatch_api.configuration`` as it is now."""
    # Looked up, not handed down: users may assign another configuration to the package, and an assignment to a module
    # calls no code of ours. This is the only place that looks.
    configuration: Configuration = sys.modules[__name__.partition(".")[0]].configuration
    return configuration
