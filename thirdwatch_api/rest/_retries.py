"""When a request is retried, and after how long. The policy is a ``urllib3.Retry``; a user may set another."""

import random
from collections.abc import Collection
from functools import lru_cache
from http.client import HTTPException

from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from ._messages import RESTResponse

__all__ = ["delay_before_next", "next_policy", "policy_for", "retry_after"]

_STATUSES = frozenset({408, 429, 502, 503, 504})
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 8.0
_LONGEST_RETRY_AFTER = 366 * 24 * 3600


class _Policy(Retry):
    """The default policy. It retries any verb: an event that arrives twice does less harm than one that is lost."""

    RETRY_AFTER_STATUS_CODES = frozenset()  # _STATUSES alone decide: a 413 is final, with Retry-After or without

    def get_backoff_time(self) -> float:
        """Return 0.2 to 0.4 s at first, then twice as long each time; random, so that clients spread out."""
        doubled = _FIRST_WAIT * 2.0 ** min(len(self.history) - 1, 10)
        return min(_LONGEST_WAIT, doubled * random.uniform(1, 2))  # noqa: S311 - spreads load, hides nothing


@lru_cache(maxsize=64)
def _policy(retries: int) -> Retry:
    allowed: Collection[str] | None = None
    # By default urllib3 shortens any Retry-After to six hours; ours is honoured, or ignored when it makes no sense.
    longest = _LONGEST_RETRY_AFTER + 1
    return _Policy(total=retries, allowed_methods=allowed, status_forcelist=_STATUSES, retry_after_max=longest)


def policy_for(retries: int | Retry) -> Retry:
    """Return the policy for the setting ``retries``."""
    if isinstance(retries, Retry):
        return retries
    return _policy(retries)


def next_policy(
    policy: Retry, method: str, path: str, *, response: BaseHTTPResponse | None, error: Exception | None
) -> Retry | None:
    """Count a failure, and return the policy for the next attempt; None when there is none."""
    try:
        return policy.increment(method, path, response=response, error=error)
    except (HTTPError, HTTPException, OSError):  # MaxRetryError, or the error itself where the rules exclude it
        return None


def retry_after(response: BaseHTTPResponse | RESTResponse) -> float | None:
    """Read ``Retry-After`` in seconds; None when there is none, or it makes no sense."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = _policy(0).parse_retry_after(value)
    except (InvalidHeader, ValueError, OverflowError):
        return None
    return float(seconds) if seconds <= _LONGEST_RETRY_AFTER else None


def delay_before_next(policy: Retry, asked: float | None) -> float:
    """Return the seconds until the next attempt; ``asked`` is what the service asked for."""
    if asked is not None and policy.respect_retry_after_header:
        return min(asked, policy.retry_after_max)
    return policy.get_backoff_time()
