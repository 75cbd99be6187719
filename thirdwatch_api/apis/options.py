"""Options: what each method of the API classes takes beside its event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from .._settings import Retries, TimeoutSetting

__all__ = ["Options"]


class Options(TypedDict, total=False):
    """The options of every method. Each overrides the configuration for one call."""

    callback: Callable[[Any], object] | None
    """Make the call in the background, and pass the result to this function. The method returns a PendingCall at
    once, although it is typed as the result: one signature serves the usual case."""

    _return_http_data_only: bool | None
    """For the ``*_with_http_info`` methods: return the data alone."""

    _preload_content: bool
    """False for urllib3's own response, unread, although the method is typed as the result. Read it to its end or
    close it, and call its ``release_conn()``."""

    _request_timeout: TimeoutSetting
    """Seconds, as ``configuration.timeout``; None means the configuration's."""

    _deadline: float | None
    """Seconds, as ``configuration.deadline``; None means the configuration's."""

    _retries: Retries | None
    """As ``configuration.retries``; None means the configuration's."""

    _headers: Mapping[str, str] | None
    """Headers of this call alone, for instance ``{"traceparent": "..."}``. They win over the client's own headers of
    the same name, and are never logged. The API key can't be among them."""
