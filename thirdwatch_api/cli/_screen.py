"""What a relay shows while it runs: one line that changes on a terminal, else a line now and then."""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any

from .._lazy import load
from ..exceptions import OutboxException
from ..outbox import Outbox, StoredEvent
from ._output import Output

__all__ = ["Screen"]

_DRAWN = 1.0  # seconds between two looks, on a terminal
_PLAIN = 60.0


class Screen:
    """The state of a relay, shown from a thread of its own while it is entered.

    :param output: where it is shown
    :param outbox: what is asked for what waits
    """

    def __init__(self, output: Output, outbox: Outbox) -> None:
        self.sent: int = 0
        self.dead: int = 0
        self._output = output
        self._outbox = outbox
        self._ended = Event()
        self._thread = Thread(target=self._watch, name="thirdwatch-screen", daemon=True)
        self._live: Any = None

    def count(self, _: StoredEvent) -> None:
        """Count an event that was sent."""
        self.sent += 1

    def __enter__(self) -> Screen:
        if not self._output.quiet:
            if self._output.draws:
                self._live = load("rich.live").Live(console=self._output.console(), transient=True, auto_refresh=False)
                self._live.start()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._live is not None:
            self._live.stop()

    def _watch(self) -> None:
        every = _PLAIN if self._live is None else _DRAWN
        shown, since, last = 0, monotonic(), ""
        while not self._ended.wait(every):
            now = monotonic()
            text = self._state((self.sent - shown) / (now - since))
            shown, since = self.sent, now
            if self._live is not None:
                self._live.update(load("rich.text").Text(text), refresh=True)
            elif text != last:
                self._output.note(text)
            last = text

    def _state(self, per_second: float) -> str:
        text = f"sent {self.sent:,} ({per_second:,.0f}/s)   dead {self.dead:,}"
        try:
            status = self._outbox.status()
        except OutboxException as error:
            return f"{text}   {error}"
        return f"{text}   waiting {status.pending:,}" + (f"   {status.reason}" if status.reason else "")
