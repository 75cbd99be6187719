"""The types of settings: what each takes, what of it is kept, and the check that decides."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from ._lazy import load
from ._redaction import MASK
from .exceptions import ApiTypeError, ApiValueError

if TYPE_CHECKING:
    from typing_extensions import Self
    from urllib3.util import Retry, Timeout

    from .attempt import Attempt

    _Kept_co = TypeVar("_Kept_co", covariant=True)
    _Taken_contra = TypeVar("_Taken_contra", contravariant=True)

    class Converted(Generic[_Kept_co, _Taken_contra]):
        """A setting that takes more types than it keeps. It exists for type checkers alone."""

        def __get__(self, instance: object, owner: object) -> _Kept_co: ...
        def __set__(self, instance: object, value: _Taken_contra) -> None: ...


__all__ = [
    "API_KEY_HEADER",
    "CHECKS",
    "Count",
    "HeaderText",
    "Hook",
    "Host",
    "Keys",
    "PathText",
    "Prefixes",
    "ProxyURL",
    "Retries",
    "Seconds",
    "Secrets",
    "TimeoutSetting",
    "check_flag",
    "check_retries",
    "check_seconds",
    "check_text",
    "check_timeout",
    "did_you_mean",
    "key_text",
]

API_KEY_HEADER = "X-THIRDWATCH-API-KEY"
"""Name of the header that carries the API key, and of its entry in ``api_key``."""

Count: TypeAlias = int
Seconds: TypeAlias = float
Host: TypeAlias = "Converted[str, str | None]"
PathText: TypeAlias = "Converted[str | None, str | os.PathLike[str] | None]"
ProxyURL: TypeAlias = "str | None"
HeaderText: TypeAlias = "str | None"
Keys: TypeAlias = "Converted[dict[str, str], str | bytes | Mapping[str, str | bytes] | None]"
Prefixes: TypeAlias = "Converted[dict[str, str], Mapping[str, str] | None]"
TimeoutSetting: TypeAlias = "Seconds | tuple[Seconds | None, Seconds | None] | Timeout | None"
Retries: TypeAlias = "int | Retry"
Hook: TypeAlias = "Callable[[Attempt], object] | None"

_DEFAULT_HOST = "https://api.thirdwatch.ai/event"
_LONGEST = 24 * 24 * 3600  # 24 days: poll() counts milliseconds in 32 bits, which end a day later


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or nothing when none is near."""
    near = load("difflib").get_close_matches(name, list(names), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _canonical(name: Any) -> Any:
    """Return the name of the key's header as we write it: header names have no letter case."""
    return API_KEY_HEADER if isinstance(name, str) and name.upper() == API_KEY_HEADER else name


class Secrets(dict[str, str]):
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


def check_seconds(name: str, value: object) -> float:
    """Reject what is not a number of seconds, None included."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ApiTypeError(f"{name}: expected seconds as a number, got {type(value).__name__}")
    if not 0 < value <= _LONGEST:  # which refuses NaN, too
        raise ApiValueError(f"{name}: seconds must be more than 0, and at most {_LONGEST:,} (24 days)")
    return value


def check_timeout(name: str, value: object) -> Any:
    """Reject what can't be a time-out; see ``Configuration.timeout`` for what can."""
    if value is None or hasattr(value, "connect_timeout"):  # urllib3.Timeout: only rest imports urllib3
        return value
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ApiValueError(f"{name}: a pair is (connect, read), got {len(value)} values")
        return tuple(None if part is None else check_seconds(name, part) for part in value)
    return check_seconds(name, value)


def check_retries(name: str, value: object) -> Any:
    """Reject what can't be a number of retries or a ``urllib3.Retry``."""
    if hasattr(value, "increment"):  # urllib3.Retry: only rest imports urllib3
        return value
    return _count(name, value, 0)


def _count(name: str, value: object, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiTypeError(f"{name}: expected a whole number, got {type(value).__name__}")
    if value < least:
        raise ApiValueError(f"{name}: must be at least {least}")
    return value


def check_flag(name: str, value: object) -> bool:
    """Return True or False; 1 and 0 are accepted."""
    if not isinstance(value, (bool, int)):
        raise ApiTypeError(f"{name}: expected True or False, got {type(value).__name__}")
    return bool(value)


def check_text(name: str, value: object) -> str | None:
    """Return text or a path as text; None stays None."""
    if value is None:
        return None
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise ApiTypeError(f"{name}: expected text, got {type(value).__name__}")
    return _decoded(name, os.fspath(value))


def _line(name: str, value: object) -> str | None:
    text = check_text(name, value)
    if text is not None and not (text.isascii() and text.isprintable()):
        raise ApiValueError(f"{name}: goes into a header, and holds a line break or a character outside of ASCII")
    return text


def _host(name: str, value: object) -> str:
    """Return the default for None alone: a host that was given and is empty is refused at the call."""
    text = check_text(name, value)
    return os.environ.get("THIRDWATCH_HOST") or _DEFAULT_HOST if text is None else text


def _decoded(name: str, value: str | bytes) -> str:
    try:
        text: str = value if isinstance(value, str) else load("six").ensure_str(value)
    except UnicodeDecodeError:
        raise ApiValueError(f"{name}: the bytes are not UTF-8") from None
    return text


def key_text(name: str, value: str | bytes) -> str:
    """Decode a key, and drop white space around it. One of the environment may hold bytes that are not UTF-8."""
    key = (value if isinstance(value, str) else _decoded(name, value)).strip()
    if not key.isascii() and any("\ud800" <= character <= "\udfff" for character in key):
        raise ApiValueError(f"{name}: the bytes are not UTF-8")
    return key


def _hook(name: str, value: object) -> object:
    if value is not None and not callable(value):
        raise ApiTypeError(f"{name}: expected a function of one Attempt, got {type(value).__name__}")
    return value


def _secrets(name: str, value: object) -> Secrets:
    if value is None:
        return Secrets()
    if isinstance(value, (str, bytes)):
        value = {API_KEY_HEADER: value}
    if not isinstance(value, Mapping):
        raise ApiTypeError(f"{name}: expected text, bytes or a dict, got {type(value).__name__}")
    return Secrets(value)


CHECKS: dict[str, Callable[[str, object], object]] = {
    "Count": _count,
    "HeaderText": _line,
    "Hook": _hook,
    "Host": _host,
    "Keys": _secrets,
    "PathText": check_text,
    "Prefixes": _secrets,
    "ProxyURL": check_text,
    "Retries": check_retries,
    "Seconds": check_seconds,
    "TimeoutSetting": check_timeout,
    "bool": check_flag,
    "object": lambda _, value: value,
}
"""The check of a setting, by the type under which ``Configuration`` declares it."""
