"""The headers of a request: which names and values may be sent, and which of several under one name is."""

import re
from collections.abc import Mapping

from ._redaction import MASK
from ._settings import API_KEY_HEADER
from .exceptions import ApiTypeError, ApiValueError

__all__ = ["HeaderCache", "check_mappings", "key_in"]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r"[\t\x20-\x7e\xa0-\xff]*"
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)


class HeaderCache:
    """The headers of the last call of a client, which the next call takes when nothing changed."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[tuple[object, ...], dict[str, str]] = ((), {})

    def make(
        self,
        given: Mapping[str, str],
        default: Mapping[str, str],
        own: Mapping[str, str],
        user_agent: str,
        cookie: str | None,
        key: str,
        with_body: bool,
    ) -> Mapping[str, str]:
        """Return the headers of a call. The last header of a name wins, in any letter case.

        :param given: those of ``header_params``
        :param default: those of the client
        :param own: those of the option ``_headers``
        :raises ApiValueError: one of them can't be sent
        """
        state = (given, default, own, user_agent, cookie, key, with_body)
        last_state, last = self._last
        if state == last_state:
            return last
        wanted: list[tuple[str, str]] = [("Accept", "application/json"), ("User-Agent", user_agent)]
        if with_body:
            wanted.append(("Content-Type", "application/json"))
        wanted += [*given.items(), *default.items()]
        if cookie is not None:
            wanted.append(("Cookie", cookie))
        wanted += own.items()
        if key:
            wanted.append((API_KEY_HEADER, key))
        by_name = {_checked_name(name): (name, value) for name, value in wanted}
        headers = {name: _checked_value(name, value) for name, value in by_name.values()}
        self._last = ((dict(given), dict(default), dict(own), *state[3:]), headers)
        return headers

    def __repr__(self) -> str:
        """Show no header: the key is among them."""
        return f"HeaderCache({MASK})"


def check_mappings(given: object, own: object, default: object) -> None:
    """Reject headers that are no mapping, and an API key among those of one call.

    :param given: those of ``header_params``, or None
    :param own: those of the option ``_headers``, or None
    :param default: those of the client
    """
    for name, headers in (("header_params", given), ("_headers", own), ("default_headers", default)):
        if not (isinstance(headers, Mapping) or (headers is None and name != "default_headers")):
            raise ApiTypeError(f"{name}: expected a dict, got {type(headers).__name__}")
    if isinstance(own, Mapping) and any(str(name).upper() == API_KEY_HEADER for name in own):
        raise ApiValueError("_headers: can't hold the API key; set it in the configuration of a client")


def key_in(given: Mapping[str, object], default: Mapping[str, object]) -> str | None:
    """Return the API key among the headers of a call and of its client, None when they hold none.

    It is the last one, as in ``HeaderCache.make``.
    """
    keys = [value for name, value in (*given.items(), *default.items()) if str(name).upper() == API_KEY_HEADER]
    if not keys:
        return None
    if not isinstance(keys[-1], str):
        raise ApiTypeError(f"header {API_KEY_HEADER}: expected text, got {type(keys[-1]).__name__}")
    key = keys[-1].strip()
    if not key:
        raise ApiValueError(f"header {API_KEY_HEADER}: is empty; set an API key there, or leave the header out")
    return key


def _checked_name(name: object) -> str:
    """Return the name of a header in lower case. The messages quote no invalid name: it may be the key."""
    if not isinstance(name, str):
        raise ApiValueError(f"the name of a header: expected text, got {type(name).__name__}")
    if not name:
        raise ApiValueError("the name of a header is empty")
    if not re.fullmatch(_NAME, name):
        raise ApiValueError("the name of a header holds a character that HTTP does not allow there")
    if name.lower() in _FRAMING:
        raise ApiValueError(f"header {name}: is set by the transport; leave it out")
    return name.lower()


def _checked_value(name: str, value: object) -> str:
    """Return the value of a header that can be sent. The messages quote no value: it may be the key."""
    if not isinstance(value, str):
        raise ApiValueError(f"header {name}: expected text, got {type(value).__name__}")
    if re.fullmatch(_VALUE, value):
        return value
    if any(character > "\xff" for character in value):
        raise ApiValueError(f"header {name}: holds a character outside of latin-1; escape it, for example as in a URL")
    raise ApiValueError(f"header {name}: holds a control character such as a line break; remove it")
