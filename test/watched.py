"""A program that makes calls while a third-party instrument watches, and prints what the instrument got.

Run as ``python -m test.watched INSTRUMENT NAME=URL ...``: for each URL a score call and an event with personal data.
Each instrument changes the process for good, so the program has a process of its own.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import Any

import urllib3
import urllib3.connection

from thirdwatch_api import ApiClient, ApiException, CreateOrderApi, ScoreApi

from .servers import make_client
from .test_privacy import event

Watch = Callable[[], contextlib.AbstractContextManager[Callable[[Exception], object]]]
"""Watch one call: enter, and hand over what it raised."""
Heard = list[str]


def sentry(heard: Heard, *, include_local_variables: bool = False, **options: Any) -> Watch:
    """Sentry with its default integrations, as the README advises; all that it would send is kept."""
    import sentry_sdk
    import sentry_sdk.traces
    import sentry_sdk.transport

    class Memory(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            heard.append(envelope.serialize().decode())

    sentry_sdk.init(
        dsn="http://public@sentry.invalid/1",
        transport=Memory,
        traces_sample_rate=1.0,
        include_local_variables=include_local_variables,
        **options,
    )

    @contextlib.contextmanager
    def watch() -> Generator[Callable[[Exception], object]]:
        with sentry_sdk.isolation_scope(), sentry_sdk.start_transaction(name="checkout"):
            yield sentry_sdk.capture_exception
            sentry_sdk.capture_message("with all breadcrumbs")
        sentry_sdk.flush()

    @contextlib.contextmanager
    def watch_stream() -> Generator[Callable[[Exception], object]]:
        with sentry_sdk.isolation_scope(), sentry_sdk.traces.start_span(name="checkout"):
            yield sentry_sdk.capture_exception
            sentry_sdk.capture_message("with all breadcrumbs")
        sentry_sdk.flush()

    return watch_stream if "_experiments" in options else watch


def sentry_spans(heard: Heard) -> Watch:
    """Sentry's newer way to send spans."""
    return sentry(heard, send_default_pii=True, _experiments={"trace_lifecycle": "stream"})


def sentry_locals(heard: Heard) -> Watch:
    """Sentry with the variables of each frame, which is its default."""
    return sentry(heard, include_local_variables=True)


def opentelemetry(heard: Heard) -> Watch:
    """OpenTelemetry's instrumentation of urllib3, within a span of the shop that records what was raised."""
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class Memory(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            heard.extend(span.to_json() for span in spans if isinstance(span, ReadableSpan))
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Memory()))
    URLLib3Instrumentor().instrument(tracer_provider=provider)

    @contextlib.contextmanager
    def watch() -> Generator[Callable[[Exception], object]]:
        with provider.get_tracer("shop").start_as_current_span("checkout") as span:
            yield span.record_exception

    return watch


def wrappers(heard: Heard) -> Watch:
    """Wrap each function that a request passes on its way, as Datadog's tracer does; only the wire may have the key."""

    def wrap(owner: type[Any], name: str) -> None:
        wrapped = getattr(owner, name)

        @functools.wraps(wrapped)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            heard.append(f"{owner.__module__}.{owner.__qualname__}.{name}{args!r}{kwargs!r}")
            try:
                return wrapped(*args, **kwargs)
            except BaseException as error:
                heard.extend(_texts_of(error))
                raise

        setattr(owner, name, wrapper)

    for owner, names in (
        (http.client.HTTPConnection, ("request", "putrequest", "putheader", "endheaders", "getresponse", "set_tunnel")),
        (http.client.HTTPResponse, ("begin", "read")),
        (urllib3.connection.HTTPConnection, ("request", "putrequest", "putheader", "getresponse")),
        (urllib3.HTTPConnectionPool, ("urlopen", "_make_request", "_get_conn", "_put_conn")),
        (urllib3.HTTPResponse, ("read", "release_conn")),  # not __init__, whose arguments are what the server sent
        (urllib3.Retry, ("increment", "is_retry")),
    ):
        for name in names:
            wrap(owner, name)

    @contextlib.contextmanager
    def watch() -> Generator[Callable[[Exception], object]]:
        yield lambda error: None

    return watch


def logs(heard: Heard) -> Watch:
    """Switch on all debugging of urllib3 and http.client, which writes to stdout."""

    class Ears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(logging.Formatter().format(record))
            heard.append(repr(record.__dict__))

    logging.getLogger().addHandler(Ears())
    logging.getLogger().setLevel(logging.DEBUG)
    http.client.HTTPConnection.debuglevel = 1

    @contextlib.contextmanager
    def watch() -> Generator[Callable[[Exception], object]]:
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(printed):
            yield lambda error: logging.getLogger("shop").error("not sent", exc_info=error)
        heard.append(f"printed: {printed.getvalue()}")

    return watch


def chains(heard: Heard) -> Watch:
    """Follow what was raised to its causes, as error trackers do, and further: also contexts that are suppressed."""

    @contextlib.contextmanager
    def watch() -> Generator[Callable[[Exception], object]]:
        yield lambda error: heard.extend([*traceback.format_exception(error), *_texts_of(error)])

    return watch


def _texts_of(error: BaseException) -> Iterator[str]:
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and found not in seen:
            seen.append(found)
            yield from (str(found), repr(found), repr(found.args))
            waiting += [found.__cause__, found.__context__, *found.args, getattr(found, "reason", None)]


INSTRUMENTS: dict[str, Callable[[Heard], Watch]] = {
    "sentry": sentry,
    "sentry_spans": sentry_spans,
    "sentry_locals": sentry_locals,
    "opentelemetry": opentelemetry,
    "wrappers": wrappers,
    "logs": logs,
    "chains": chains,
}
CALLS: dict[str, Callable[[ApiClient], object]] = {
    "score": lambda client: ScoreApi(client).score("o-1001"),
    "event": lambda client: CreateOrderApi(client).create_order(event()),
}


def _outcome(call: Callable[[ApiClient], object], url: str, watch: Watch) -> str:
    """Make a call, and return what it raised. The frame has no earlier report, which an instrument would keep, too."""
    with make_client(url, retries=0, timeout=10.0) as client, watch() as keep:
        try:
            call(client)
        except ApiException as error:
            keep(error)
            return type(error).__name__
    return "success"


def main(instrument: str, *urls: str) -> None:
    """Make all calls, and print as JSON what was heard of each."""
    heard: Heard = []
    watch = INSTRUMENTS[instrument](heard)
    report: dict[str, tuple[str, str]] = {}
    for name, _, url in (pair.partition("=") for pair in urls):
        for kind, call in CALLS.items():
            heard.clear()
            outcome = _outcome(call, url, watch)
            report[f"{name}, {kind}"] = (outcome, "\n".join(heard))
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
