"""Rows of an input: lines of JSON, and CSV whose quoted fields may hold line breaks."""

import csv
import io
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterator

from ._input import MAX_BYTES
from ._records import BackfillError, Record

__all__ = ["CsvRows", "json_rows"]

_TOO_LONG = f"is longer than {MAX_BYTES:,} bytes; it is not copied to the rejects"
_QUOTE = b'"'
_OPEN = "is no CSV: unexpected end of data"


def _lines(stream: io.BufferedReader) -> Iterator[tuple[int, bytes, bool]]:
    """Yield the number of each line, its bytes, and whether it is whole."""
    number = 0
    while data := stream.readline(MAX_BYTES + 1):
        number += 1
        if number == 1:
            data = data.removeprefix(BOM_UTF8)
        is_whole = len(data) <= MAX_BYTES
        if not is_whole:
            rest = data
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_BYTES)
        yield number, data, is_whole


def json_rows(name: str, stream: io.BufferedReader) -> Iterator[Record]:
    """Yield the lines that are not empty."""
    for number, data, is_whole in _lines(stream):
        if not is_whole:
            yield Record(name, number, b"", problem=_TOO_LONG)
        elif not data.isspace() and data:
            yield Record(name, number, data)


class _Feed:
    """What csv reads from: one row at a time. When a row is open at its end there is nothing more, for now."""

    text: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text, self.text = self.text, None
        if text is None:
            raise StopIteration
        return text


class CsvRows:
    """The rows of one CSV file.

    :param name: of the input
    :param delimiter: between two fields
    :param encoding: of the text
    """

    def __init__(self, name: str, stream: io.BufferedReader, delimiter: str, encoding: str) -> None:
        self._name = name
        self._encoding = encoding
        self._lines = _lines(stream)
        self._put_back: deque[tuple[int, bytes, bool]] = deque()
        self._feed = _Feed()
        self._reader = csv.reader(self._feed, delimiter=delimiter, strict=True)
        self.head = b""
        """The first row, which names the columns."""
        self.columns: list[str] = []

    def read_head(self) -> None:
        """Read the names of the columns.

        :raises BackfillError: there are none
        """
        first = next(self._texts(), None)
        if first is None:
            return
        problem = first.problem
        if not problem:
            self.head = first.raw
            fields = self._fields(first.raw)
            if isinstance(fields, str):
                problem = fields
            else:
                self.columns = [field.strip() for field in fields]
        if not problem and len(set(self.columns)) < len(self.columns):
            problem = "names a column twice"
        if problem:
            raise BackfillError(f"{self._name}: the first line, which has to name the columns, {problem}")

    def __iter__(self) -> Iterator[Record]:
        """Yield the rows below the head."""
        for record in self._texts():
            if record.problem:
                yield record
                continue
            fields = self._fields(record.raw)
            if isinstance(fields, str):
                yield record._replace(problem=fields)
            elif len(fields) != len(self.columns):
                problem = f"has {len(fields)} fields, and the first line names {len(self.columns)} columns"
                yield record._replace(problem=problem)
            else:
                yield record._replace(columns=dict(zip(self.columns, fields, strict=True)))

    def _fields(self, raw: bytes) -> list[str] | str:
        """Return the fields of a row, or why there are none."""
        try:
            self._feed.text = raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            return f"is not {self._encoding} at byte {error.start + 1}"
        try:
            return next(self._reader)
        except csv.Error as error:
            return f"is no CSV: {error}"

    def _opens(self, data: bytes) -> bool:
        """Return whether the last field of a line goes on in the next one."""
        return data.count(_QUOTE) % 2 == 1 and self._fields(data) == _OPEN

    def _texts(self) -> Iterator[Record]:
        """Yield rows as bytes: lines, joined where a quoted field goes on."""
        while line := self._line():
            number, data, is_whole = line
            if not is_whole:
                yield Record(self._name, number, b"", problem=_TOO_LONG)
            elif self._opens(data):
                yield self._joined(number, data)
            elif not data.isspace():
                yield Record(self._name, number, data)

    def _line(self) -> tuple[int, bytes, bool] | None:
        return self._put_back.popleft() if self._put_back else next(self._lines, None)

    def _joined(self, number: int, data: bytes) -> Record:
        """Return a row whose quoted field goes on in the next lines."""
        taken: list[tuple[int, bytes, bool]] = []
        size = len(data)
        is_open = True
        while is_open and size <= MAX_BYTES and (line := self._line()):
            taken.append(line)
            size += len(line[1])
            is_open ^= bool(line[1].count(_QUOTE) % 2)
        if is_open or size > MAX_BYTES:
            # One stray quote must not take the rows behind it along.
            self._put_back.extendleft(reversed(taken))
            return Record(self._name, number, data, problem="opens a quote that is never closed")
        return Record(self._name, number, data + b"".join(part for _, part, _ in taken))
