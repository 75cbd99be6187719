"""The time-outs of an attempt, as urllib3 takes them."""

from contextlib import suppress
from functools import lru_cache

from urllib3.exceptions import TimeoutStateError
from urllib3.util import Timeout

from ..configuration import Seconds, TimeoutSetting

__all__ = ["bounds"]


class _Checked(Timeout):
    """A time-out that is never copied. urllib3 would copy and check it three times a request.

    urllib3 copies it to keep the start of a request, which bounds the sum. Here the connection checks the deadline.
    """

    def clone(self) -> Timeout:
        return self

    def start_connect(self) -> float:
        return 0.0


@lru_cache(maxsize=64)
def _checked(connect: Seconds | None, read: Seconds | None) -> Timeout:
    return _Checked(connect=connect, read=read)


def bounds(setting: TimeoutSetting, left: Seconds) -> tuple[Timeout, Seconds | None]:
    """Return the time-outs for an attempt, and the one of reading alone.

    :param setting: as ``Configuration.timeout``
    :param left: seconds until the deadline
    """
    if not isinstance(setting, Timeout):
        connect, read = setting if isinstance(setting, tuple) else (setting, setting)
        return _checked(connect, read), read
    timeout = setting.clone()
    timeout.total = left if timeout.total is None else min(left, timeout.total)  # type: ignore[type-var]  # never urllib3's "default" mark here
    with suppress(TimeoutStateError):  # there is no time-out of reading alone
        return timeout, timeout.read_timeout
    return timeout, timeout.total  # type: ignore[return-value]  # never urllib3's "default" mark here
