"""The mapping file: which column of an input holds what of an event."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timezone, tzinfo
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from dateutil.parser import isoparse

from .._lazy import load
from ..configuration import did_you_mean
from ..models._fields import Kind, field_table
from ..models._model import Model
from ._records import BackfillError, RowError

__all__ = ["Columns", "Layout", "read_layout"]

_TABLES = ("fields", "constants", "times", "values")
_TEXTS = ("kind", "delimiter", "encoding", "timezone")
_STEP = r"([^.\[\]]+)((?:\[\d+\])*)"
_TRUE, _FALSE = ("true", "yes", "y", "t", "1"), ("false", "no", "n", "f", "0")

_MOST_DIGITS = 30

_Step = str | int
_Convert = Callable[[Any], Any]


class Layout(NamedTuple):
    """What a mapping file says."""

    name: str
    """The file."""

    digest: str
    """Tells whether it is the same as before."""

    kind: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8"
    timezone: tzinfo | None = None
    """That of times without one."""

    fields: Mapping[str, str] | None = None
    """The column of each path of an event; None where columns are named after the paths."""

    constants: Mapping[str, Any] = {}
    times: Mapping[str, str] = {}
    """How the times at a path are written."""

    values: Mapping[str, Mapping[str, Any]] = {}
    """What to send at a path for a value of the column."""


def read_layout(path: str) -> Layout:
    """Read a mapping file: JSON where its name ends so, else TOML.

    :raises BackfillError: it can't be used
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BackfillError(f"{path}: can't be read: {error.strerror}") from None
    try:
        given = json.loads(data) if path.lower().endswith(".json") else _toml(path)(data.decode())
    except ValueError as error:
        raise BackfillError(f"{path}: is no mapping file: {error}") from None
    if not isinstance(given, dict):
        raise BackfillError(f"{path}: is no mapping file: expected an object")
    return _checked(path, given, sha256(data).hexdigest())


def _toml(path: str) -> Callable[[str], Any]:
    try:
        read: Callable[[str], Any] = load("tomllib").loads
    except ImportError:
        raise BackfillError(f"{path}: Python 3.10 reads no TOML; write the same as JSON, in a file *.json") from None
    return read


def _checked(path: str, given: dict[str, Any], digest: str) -> Layout:
    for name, value in given.items():
        if name not in (*_TABLES, *_TEXTS):
            raise BackfillError(f"{path}: there is no setting {name!r}{did_you_mean(name, (*_TABLES, *_TEXTS))}")
        wanted = dict if name in _TABLES else str
        if not isinstance(value, wanted):
            raise BackfillError(f"{path}: {name}: expected {'a table' if wanted is dict else 'text'}")
    for table in ("fields", "times"):
        for key, value in given.get(table, {}).items():
            if not isinstance(value, str):
                raise BackfillError(f"{path}: {table}: {key}: expected text")
    for key, value in given.get("values", {}).items():
        if not isinstance(value, dict):
            raise BackfillError(f"{path}: values: {key}: expected a table")
    if len(given.get("delimiter", ",")) != 1:
        raise BackfillError(f"{path}: delimiter: expected one character")
    settings: dict[str, Any] = given | {"timezone": _timezone(path, given.get("timezone"))}
    _check_encoding(path, given.get("encoding", "utf-8"))
    return Layout(path, digest, **settings)


def _timezone(path: str, name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        found: tzinfo = timezone.utc if name == "UTC" else load("zoneinfo").ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise BackfillError(f"{path}: timezone: there is no {name!r} on this machine") from None
    return found


def _check_encoding(path: str, name: str) -> None:
    try:
        is_usable = '",;\r\n09AZaz'.encode(name) == b'",;\r\n09AZaz'
    except (LookupError, UnicodeError):
        is_usable = False
    if not is_usable:
        raise BackfillError(f"{path}: encoding: {name!r} can't be read; convert the file: iconv -t UTF-8")


class _Field(NamedTuple):
    column: str
    path: str
    steps: tuple[_Step, ...]
    convert: _Convert


class Columns:
    """What makes an event out of a row that has columns.

    :param model: of the events
    :param layout: what the mapping file says; None where columns are named after the paths
    :param columns: the names of the columns, where they are known from the start
    :raises BackfillError: the mapping does not fit
    """

    def __init__(self, model: type[Model], layout: Layout | None, columns: Sequence[str] | None) -> None:
        self._model = model
        self._name = layout.name if layout else "columns"
        self._layout = layout or Layout("", "")
        fields = self._layout.fields
        if fields is None:
            fields = {name: name for name in columns or ()}
        elif columns is not None:
            self._check_columns(fields.values(), columns)
        self._known = None if layout and layout.fields is not None else frozenset(fields)
        self._fields = [self._field(path, column) for path, column in fields.items()]
        self._constants = [(self._steps(path), value) for path, value in self._layout.constants.items()]
        for path, (steps, _) in zip(self._layout.constants, self._constants, strict=True):
            self._kind(path, steps)
        self._check_paths((*self._layout.times, *self._layout.values), fields)
        all_steps = [field.steps for field in self._fields] + [steps for steps, _ in self._constants]
        lists = {steps[:i] for steps in all_steps for i, step in enumerate(steps) if isinstance(step, int)}
        self._lists = sorted(lists, key=len, reverse=True)

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row as an event with wire keys.

        :raises RowError: values can't be converted
        """
        event: dict[Any, Any] = {}
        problems: list[str] = []
        for column, path, steps, convert in self._fields:
            value = row.get(column)
            if value is None or value == "":
                continue
            try:
                _put(event, steps, convert(value))
            except ValueError as error:
                problems.append(f"{self._model.__name__}.{path}: {error}")
        if problems:
            raise RowError(*problems)
        for steps, value in self._constants:
            _put(event, steps, value)
        for steps in self._lists:
            _close_list(event, steps)
        return event

    def _check_columns(self, wanted: Collection[str], columns: Sequence[str]) -> None:
        for column in wanted:
            if column not in columns:
                # The names are not listed: where the head is missing, they are those of a customer.
                raise BackfillError(f"{self._name}: fields: the first line of the input names no column {column!r}")

    def _check_paths(self, paths: Collection[str], fields: Mapping[str, str]) -> None:
        for path in paths:
            if path not in fields:
                raise BackfillError(
                    f"{self._name}: times, values: there is no field {path!r}{did_you_mean(path, fields)}"
                )

    def _field(self, path: str, column: str) -> _Field:
        steps = self._steps(path)
        convert: _Convert | None = self._convert(self._kind(path, steps))
        if path in self._layout.times:
            convert = _time_reader(self._layout.times[path])
        convert = _zoned(self._layout.timezone, convert)
        if path in self._layout.values:
            convert = _translation(self._layout.values[path], convert)
        return _Field(column, path, steps, convert)

    def _steps(self, path: str) -> tuple[_Step, ...]:
        """Take a path apart: ``_items[0]._price``."""
        steps: list[_Step] = []
        for part in path.split("."):
            match = re.fullmatch(_STEP, part)
            if match is None:
                raise BackfillError(f'{self._name}: {path!r} is no path; write it as in "_items[0]._price"')
            steps.append(match[1])
            steps += map(int, re.findall(r"\d+", match[2]))
        return tuple(steps)

    def _kind(self, path: str, steps: Sequence[_Step]) -> Kind:
        """Return what the field at a path holds."""
        model: Any = self._model
        kind = Kind.MODEL
        for step in steps:
            if kind is Kind.FREE:
                return Kind.FREE
            if isinstance(step, int):
                if kind is not Kind.LIST:
                    raise BackfillError(f"{self._name}: {path!r}: there is no list before [{step}]")
                kind = Kind.MODEL
                continue
            table = {f.wire: f for f in field_table(model)} if kind is Kind.MODEL else {}
            if step not in table:
                hint = did_you_mean(str(step), table)
                raise BackfillError(f"{self._name}: {path!r}: {self._model.__name__} has no such field{hint}")
            kind, model = table[step].kind, table[step].model
        if kind in (Kind.MODEL, Kind.LIST):
            raise BackfillError(f"{self._name}: {path!r} holds other fields; name one of those")
        return kind

    @staticmethod
    def _convert(kind: Kind) -> _Convert | None:
        return {Kind.BOOL: _as_bool, Kind.INT: _as_int}.get(kind)


def _put(event: dict[Any, Any], steps: Sequence[_Step], value: Any) -> None:
    """Put a value at a path. Lists are dicts with numbers until ``_close_list``."""
    for step in steps[:-1]:
        event = event.setdefault(step, {})
    event[steps[-1]] = value


def _close_list(event: dict[Any, Any], steps: Sequence[_Step]) -> None:
    for step in steps[:-1]:
        event = event.get(step) or {}
    numbered = event.get(steps[-1])
    if numbered:
        event[steps[-1]] = [numbered[number] for number in sorted(numbered)]


def _as_bool(value: Any) -> Any:
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("is neither true nor false")


def _as_int(value: Any) -> int:
    try:
        number = Decimal(str(value).strip())
        # Of 1e1000000, which is a text of nine characters, int() would take minutes.
        if number.adjusted() < _MOST_DIGITS and number == int(number):
            return int(number)
    except (ArithmeticError, ValueError):
        pass
    raise ValueError("is no whole number")


def _time_reader(form: str) -> _Convert:
    """Return what reads a time that is written in some form."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = value.strip()
        try:
            if form == "iso":
                return isoparse(text)
            if form == "seconds":
                number = Decimal(text) * 1000
                if number.adjusted() >= _MOST_DIGITS:
                    raise ValueError
                return str(int(number))
            return text if form == "milliseconds" else datetime.strptime(text, form)  # noqa: DTZ007 - _zoned() adds the zone
        except (ArithmeticError, ValueError):
            raise ValueError(f"is no time of the form {form!r}") from None

    return read


def _zoned(zone: tzinfo | None, convert: _Convert | None) -> _Convert:
    """Return what gives a time zone to times that have none."""

    def read(value: Any) -> Any:
        if convert is not None:
            value = convert(value)
        if isinstance(value, datetime) and value.tzinfo is None:
            if zone is None:
                raise ValueError("has no time zone; name it in the mapping file: timezone = ")
            return value.replace(tzinfo=zone)
        return value

    return read


def _translation(table: Mapping[str, Any], convert: _Convert) -> _Convert:
    def read(value: Any) -> Any:
        if str(value) in table:
            return table[str(value)]
        return convert(value)

    return read
