"""The JSON of a request, line by line: what is personal, and each problem at its place."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeAlias

from .._json import load
from ..exceptions import ApiValueError
from ..models._encoder import encode, key_in_path
from ..models._fields import Field, Kind, field_table
from ..models._hints import unknown_values
from ..models._model import Model

__all__ = ["annotate"]

_MAX_LINES = 20_000
_MAX_NOTES = 200

Line: TypeAlias = dict[str, Any]
"""``key`` with its colon, ``value``, ``end``, and ``depth``; ``personal`` and ``notes`` where there are some."""

Notes: TypeAlias = dict[str, list[tuple[str, str]]]
"""Kind (``problem`` or ``hint``) and text of each note, by the path that it is about."""


class _Number(str):
    """A number as it was written: 2.50 is not shown as 2.5."""

    __slots__ = ()


def annotate(model: type[Model] | None, body: bytes, *, validate: bool) -> list[Line]:
    """Return the lines of a body.

    :param model: what the body should be; None where nothing is known about it, so that all is personal
    :param validate: whether the sandbox refuses problems
    """
    try:
        value = load(body)
    except ValueError:
        text = body.decode("utf-8", "replace")
        return [{"depth": 0, "key": "", "value": text, "end": "", "personal": True}] if text else []
    notes = _notes(model, value, validate=validate) if model and isinstance(value, dict) else {}
    written = json.loads(body, parse_float=_Number, parse_int=_Number)
    writer = _Writer()
    writer.write(written, model, model.__name__ if model else "", personal=model is None)
    lines = writer.lines
    _attach(notes, lines)
    return lines


def _notes(model: type[Model], value: Any, *, validate: bool) -> Notes:
    notes: Notes = {}
    try:
        encode(model, value, validate=validate)
    except ApiValueError as error:
        for problem in error.problems[:_MAX_NOTES]:
            path, _, text = problem.partition(": ")
            notes.setdefault(path, []).append(("problem", text))
    for path, _, nearest in islice(unknown_values(value, model), _MAX_NOTES):
        advice = f"did you mean {nearest!r}?" if nearest else "the documentation does not name it"
        notes.setdefault(path, []).append(("hint", f"unknown value; {advice}"))
    return notes


def _attach(notes: Notes, lines: list[Line]) -> None:
    """Put each note to the line of its path, or of the part around it: what is missing has no line."""
    by_path: dict[str, Line] = {}
    for line in lines:
        by_path.setdefault(line.pop("path", None), line)
    for path, found in notes.items():
        place, missing = path, ""
        while place not in by_path and "." in place:
            place, _, step = place.rpartition(".")
            missing = f"{step}.{missing}" if missing else step
        line = by_path.get(place, lines[0])
        texts = [(kind, f"{missing} {text}".strip()) for kind, text in found]
        line.setdefault("notes", []).extend(texts)


class _Writer:
    """Writes lines until there are too many of them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def write(self, value: Any, model: type[Model] | None, path: str, depth: int = 0, *, personal: bool) -> None:
        """Write a value. Its caller puts the key before its first line, and the comma behind its last one."""
        if not isinstance(value, (dict, list)) or not value:
            text = str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
            line = self._append(path, depth, text)
            if (personal and text not in ("{}", "[]")) or (isinstance(value, str) and "@" in value):
                line["personal"] = True
            return
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        self._append(path, depth, opening)
        parts = _parts(value, model, path, personal=personal)
        for number, (key, part, of, part_path, is_personal) in enumerate(parts, 1):
            if len(self.lines) >= _MAX_LINES:
                self._append(None, depth + 1, f"... cut after {_MAX_LINES:,} lines")
                break
            first = len(self.lines)
            self.write(part, of, part_path, depth + 1, personal=is_personal)
            self.lines[first]["key"] = key
            self.lines[-1]["end"] = "," if number < len(value) else ""
        self._append(None, depth, closing)

    def _append(self, path: str | None, depth: int, value: str) -> Line:
        line: Line = {"path": path, "depth": depth, "key": "", "value": value, "end": ""}
        self.lines.append(line)
        return line


def _parts(value: Any, model: type[Model] | None, path: str, *, personal: bool) -> Iterator[tuple[Any, ...]]:
    """Yield key, value, model, path, and whether it is personal, of each part of an object or a list."""
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield "", part, model, f"{path}[{number}]", personal
        return
    table = {f.wire: f for f in field_table(model)} if model else {}
    for key, part in value.items():
        f: Field | None = table.get(key)
        shown = f"{json.dumps(key, ensure_ascii=False)}: "
        is_personal = personal or f is None or f.personal or f.kind is Kind.FREE
        yield shown, part, f and f.model, f"{path}.{key_in_path(key)}", is_personal
