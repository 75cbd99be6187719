"""Scripts: how the sandbox responds to the next requests, in place of its normal response."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..exceptions import ApiValueError
from ..models._model import JsonObject
from ._checks import check_range, check_type

__all__ = ["Script", "ScriptQueue", "make_script"]

_MAX_TIMES = 1_000_000
_MAX_DELAY = 3600  # seconds
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Script(NamedTuple):
    """Changes to the response of one request; by default none."""

    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    delay: float = 0.0
    cut: bool = False


class ScriptQueue:
    """The scripts of the next requests. Not thread-safe: the sandbox holds its lock during each call."""

    def __init__(self) -> None:
        self._runs: deque[tuple[Script, int]] = deque()  # a script, and for how many requests

    def add(self, script: Script, times: int) -> None:
        """Append a script for a number of requests.

        :raises ApiTypeError: times is no int
        :raises ApiValueError: times is out of its range
        """
        check_type("fail: times", times, int)
        check_range("fail: times", times, 1, _MAX_TIMES)
        self._runs.append((script, times))

    def pop(self) -> Script:
        """Remove and return the script of the next request. Without one, the response is normal."""
        if not self._runs:
            return Script()
        script, times = self._runs.popleft()
        if times > 1:
            self._runs.appendleft((script, times - 1))
        return script

    def clear(self) -> None:
        """Forget all scripts."""
        self._runs.clear()

    def runs(self) -> list[tuple[Script, int]]:
        """Return the scripts in order, each with the number of requests that it is for."""
        return list(self._runs)

    def __iter__(self) -> Iterator[Script]:
        return (script for script, times in self.runs() for _ in range(times))

    def __len__(self) -> int:
        return sum(times for _, times in self._runs)


def make_script(
    status: int | None,
    headers: Mapping[str, str] | None,
    body: str | bytes | JsonObject | None,
    delay: float,
    cut: bool,
) -> Script:
    """Return the script that the arguments of ``fail`` describe.

    :raises ApiTypeError: an argument has the wrong type
    :raises ApiValueError: a value is out of its range
    """
    check_type("fail: status", status, int, type(None))
    check_range("fail: status", 200 if status is None else status, 200, 599)
    check_type("fail: delay", delay, int, float)
    check_range("fail: delay", delay, 0, _MAX_DELAY)
    check_type("fail: cut", cut, bool)
    return Script(status, _body(body), _headers(headers), delay, cut)


def _headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    check_type("fail: headers", headers, Mapping, type(None))
    named = {str(name).title(): str(value) for name, value in (headers or {}).items()}
    for name, value in named.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ApiValueError(f"fail: headers: {name!a} is not a valid header name")
        if not (value.isascii() and value.isprintable()):
            raise ApiValueError(f"fail: headers: the value of {name} must be printable ASCII")
    return named


def _body(body: str | bytes | JsonObject | None) -> bytes | None:
    check_type("fail: body", body, str, bytes, Mapping, type(None))
    try:
        text = json.dumps(dict(body)) if isinstance(body, Mapping) else body
        return text.encode() if isinstance(text, str) else text
    except (TypeError, ValueError, RecursionError) as error:
        raise ApiValueError(f"fail: body: can't be sent ({type(error).__name__})") from None
