"""Where rows come from: files, stdin, a database. All of them look alike from here on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Protocol

from ._events import EventReader
from ._input import READ_ERRORS, Input, read_error
from ._mapping import Layout
from ._records import BackfillError, Record
from ._rows import CsvRows, json_rows

__all__ = ["Files", "Source"]

_COMPRESSED = (".gz", ".zst", ".rejects")
_CSV = {".csv": ",", ".tsv": "\t"}


class Source(Protocol):
    """What a backfill reads."""

    head: bytes
    """What rejects begin with: the head of a CSV file."""

    reader: EventReader
    """What makes events of its rows. It may be another one after each row."""

    def records(self) -> Iterator[Record]:
        """Yield all rows.

        :raises BackfillError: it can't be read to its end
        """
        ...

    def fraction(self) -> float | None:
        """Return how much was read, 0 to 1; None where nobody knows."""
        ...


class Files:
    """Files, one after the other.

    :param paths: ``-`` is stdin
    :param kind: of events that do not say what they are
    :param layout: what the mapping file says
    :param form: ``csv`` or ``jsonl``; by the file's name when left out
    :param is_stopped: whether to end early
    :raises BackfillError: a file is missing, or the mapping does not fit
    """

    def __init__(
        self,
        paths: Sequence[str],
        kind: str | None,
        layout: Layout | None,
        form: str | None,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._kind = kind
        self._layout = layout
        self._inputs = [Input(path, is_stopped) for path in paths]
        if len({form or _form(path) for path in paths}) > 1:
            raise BackfillError("JSONL and CSV can't be mixed, since the rejects could not be: import them apart")
        self._is_csv = (form or _form(paths[0])) == "csv"
        self._tabs = next((_CSV[suffix] for suffix in _suffixes(paths[0]) if suffix in _CSV), ",")
        self.head = b""
        self.reader = EventReader(kind, None if self._is_csv else layout)

    def records(self) -> Iterator[Record]:
        """Yield all rows."""
        for each in self._inputs:
            stream = each.open()
            try:
                yield from (
                    self._csv(each.name, CsvRows(each.name, stream, *self._dialect))
                    if self._is_csv
                    else json_rows(each.name, stream)
                )
            except READ_ERRORS as error:
                raise read_error(each.name, error) from None
            finally:
                stream.close()

    @property
    def _dialect(self) -> tuple[str, str]:
        layout = self._layout
        if layout is None:
            return self._tabs, "utf-8"
        return (layout.delimiter if layout.delimiter != "," else self._tabs), layout.encoding

    def _csv(self, name: str, rows: CsvRows) -> Iterator[Record]:
        rows.read_head()
        if not rows.columns:
            return
        if self.head.strip() not in (b"", rows.head.strip()):
            raise BackfillError(f"{name}: has other columns than the file before it: import them apart")
        self.head = self.head or rows.head
        self.reader = EventReader(self._kind, self._layout, rows.columns)
        yield from rows

    def fraction(self) -> float | None:
        """Return how much was read, 0 to 1; None where one of them is no file."""
        sizes = [each.size for each in self._inputs]
        if None in sizes:
            return None
        total = sum(size or 0 for size in sizes)
        return min(1.0, sum(each.position for each in self._inputs) / total) if total else 1.0


def _suffixes(path: str) -> list[str]:
    return [suffix.lower() for suffix in PurePath(path).suffixes]


def _form(path: str) -> str:
    """Return the form that a name promises: ``orders.csv.gz`` is CSV, and so are the rejects of it."""
    last = next((suffix for suffix in reversed(_suffixes(path)) if suffix not in _COMPRESSED), "")
    return "csv" if last in _CSV else "jsonl"
