"""The trace that added an event, kept for the relay: W3C Trace Context, where OpenTelemetry is installed."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from .._lazy import load

__all__ = ["current_trace", "traced"]

_LONGEST = 600  # a traceparent has 55 characters, a tracestate up to 512


def current_trace() -> str | None:
    """Return the trace context of the caller as one line; None where there is none."""
    if "opentelemetry.trace" not in sys.modules:  # nobody traces
        return None
    carrier: dict[str, str] = {}
    _propagator().inject(carrier)
    line = ";".join(filter(None, (carrier.get("traceparent"), carrier.get("tracestate"))))
    return line if 0 < len(line) <= _LONGEST else carrier.get("traceparent")


@contextmanager
def traced(line: str | None) -> Generator[None]:
    """Continue the trace of the line, where OpenTelemetry is installed."""
    attach = _context() if line else None
    if line is None or attach is None:
        yield
        return
    parent, _, state = line.partition(";")
    token = attach.attach(_propagator().extract({"traceparent": parent, "tracestate": state}))
    try:
        yield
    finally:
        attach.detach(token)


def _context() -> Any:
    try:
        return load("opentelemetry.context")
    except ImportError:
        return None


def _propagator() -> Any:
    make: Callable[[], Any] = load("opentelemetry.trace.propagation.tracecontext").TraceContextTextMapPropagator
    return make()
