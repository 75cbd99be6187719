"""The dry run: it reads and checks all rows, and sends nothing."""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, NamedTuple
from zlib import crc32

from ..outbox._kinds import find_kind
from ._events import Event
from ._records import RowError
from ._run import make_settings

__all__ = ["CheckResult", "Finding", "check"]

_SLOTS = 1 << 20
_KEY = 0xFFFFFFFF


class Finding(NamedTuple):
    """Something about one row."""

    place: str
    """Where it stands: ``orders.jsonl:2351``."""

    text: str
    """What is wrong. It names fields, and no value of the row."""

    is_error: bool
    """Whether the row can't be sent; else only its place looks wrong."""


class CheckResult(NamedTuple):
    """What a dry run found."""

    good: int
    """Rows that can be sent."""

    bad: int
    """Rows that can't."""

    unordered: int
    """Rows that are earlier than the row of the same order before them."""

    undated: dict[str, int]
    """Kinds that have no time of their own, so that the service takes them for new, and their number."""


class _Times:
    """The last time of each order, in a table of fixed size. An order is forgotten when another one needs its place."""

    def __init__(self) -> None:
        self._keys = array("I", bytes(4 * _SLOTS))
        self._times = array("q", bytes(8 * _SLOTS))

    def is_earlier(self, key: str, time: int) -> bool:
        """Note a time, and return whether it is earlier than that of the same order before."""
        mixed = hash(key)
        slot, mark = mixed % _SLOTS, (mixed >> 20) & _KEY
        is_earlier = self._keys[slot] == mark and time < self._times[slot]
        self._keys[slot] = mark
        self._times[slot] = time
        return is_earlier


def check(
    files: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
    *,
    on_finding: Callable[[Finding], object] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> CheckResult:
    """Read and check all rows, and send nothing.

    :param files: as for ``Backfill``, and so are the other settings
    :param on_finding: called with each ``Finding``
    :param is_stopped: whether to end early
    :raises BackfillError: an input can't be read
    """
    chosen = make_settings(files, **settings)
    source = chosen.source(is_stopped)
    index, count = chosen.part
    times = _Times()
    report = on_finding or _ignore
    good = bad = unordered = 0
    kinds: Counter[str] = Counter()
    for record in source.records():
        try:
            event = source.reader.read(record)
        except RowError as error:
            if count == 1 or crc32(record.raw) % count == index:
                bad += 1
                for problem in error.problems:
                    report(Finding(record.place, problem, is_error=True))
            continue
        if not chosen.takes(event):
            continue
        good += 1
        kinds[event.kind] += 1
        if _is_earlier(event, times):
            unordered += 1
            text = "is earlier than the row of the same order before it, and is sent after it"
            report(Finding(record.place, text, is_error=False))
    undated = {kind: number for kind, number in kinds.items() if not _has_time(kind)}
    return CheckResult(good, bad, unordered, undated)


def _ignore(_: Finding) -> None:
    pass


def _is_earlier(event: Event, times: _Times) -> bool:
    time = event.time
    if time is None:
        return False
    try:
        number = int(time)  # type: ignore[call-overload]  # whatever a row holds
    except (TypeError, ValueError):
        return False
    return abs(number) < 1 << 62 and times.is_earlier(event.key, number)


def _has_time(kind: str) -> bool:
    return "origin_timestamp" in find_kind({}, kind).api.model.attribute_map
