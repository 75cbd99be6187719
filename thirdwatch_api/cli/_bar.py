"""How far a backfill is: a bar on a terminal where rich is installed, else a line every five seconds."""

from __future__ import annotations

from collections import deque
from typing import Any

from .._lazy import load
from ..backfill import BackfillProgress
from ._output import Output

__all__ = ["Bar"]

_LINE = 5.0
_FRAME = 0.25
_WINDOW = 60  # reports that the rate is measured over


class Bar:
    """Show a progress, as a context manager.

    :param name: of what is read
    """

    def __init__(self, output: Output, name: str) -> None:
        self._output = output
        self._name = name
        self._draws = output.draws_notes
        self.every: float = _FRAME if self._draws else _LINE
        """Seconds between two reports."""
        self._last: deque[BackfillProgress] = deque(maxlen=_WINDOW)
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        if self._draws:
            columns = load("rich.progress")
            self._bar = columns.Progress(
                columns.TextColumn("{task.description}", markup=False),
                columns.BarColumn(),
                columns.TextColumn("{task.fields[text]}", markup=False),
                console=self._output.notes_console(),
                transient=True,
                auto_refresh=False,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=1.0, text="")
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, progress: BackfillProgress) -> None:
        """Show how far it is."""
        self._last.append(progress)
        text = self._text(progress)
        if self._bar is None:
            self._output.note(text)
            return
        total = None if progress.fraction is None else 1.0
        self._bar.update(self._task, completed=progress.fraction or 0.0, total=total, text=text, refresh=True)

    def _text(self, progress: BackfillProgress) -> str:
        first = self._last[0]
        seconds = progress.seconds - first.seconds
        done = progress.now - first.now
        speed = done / seconds if seconds > 0 else 0.0
        parts = [f"{progress.sent + progress.rejected:,} rows", f"{speed:,.0f} rows/s"]
        if progress.fraction is not None:
            parts.insert(0, f"{progress.fraction:.0%}")
            part = progress.fraction - (first.fraction or 0.0)
            if part > 0:
                parts.append(f"left {_clock((1 - progress.fraction) * seconds / part)}")
        parts.append(f"rejected {progress.rejected:,}")
        if progress.reason is not None:
            parts.append(f"waiting {progress.waits:.0f} s: {progress.reason}")
        return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
