"""Comparison of events as they travel, and the assertion that one was sent."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

from ..exceptions import ApiTypeError, ApiValueError
from ..models._encoder import encode, to_json_value
from ..models._fields import field_table
from ..models._model import JsonObject, Model
from ._http import Request

__all__ = ["ABSENT", "Difference", "assert_sent", "differences", "shown"]

_NEAREST = 3
_LONGEST = 500

ABSENT = object()
"""Stands for the value of a field that does not travel."""


class Difference(NamedTuple):
    """One place where two events differ."""

    path: str
    """Python names: ``items[0].price``."""

    key: str
    """The JSON key of the last name: ``_price``."""

    left: object
    right: object


def differences(
    model: type[Model] | None, left: Mapping[str, object], right: Mapping[str, object], *, only_named: bool = False
) -> Iterator[Difference]:
    """Compare two JSON objects.

    :param model: declares the names of their keys; None where nothing does
    :param only_named: whether a key that the left one does not have is left out, here and in the objects inside
    """
    names = {f.wire: f for f in field_table(model)} if model else {}
    for key in left if only_named else {**left, **right}:
        f = names.get(key)
        found = _compare(f and f.model, left.get(key, ABSENT), right.get(key, ABSENT), only_named=only_named)
        for path, last, one, other in found:
            joint = "" if not path or path.startswith("[") else "."
            yield Difference(f"{f.name if f else key}{joint}{path}", last or key, one, other)


def _compare(model: type[Model] | None, left: object, right: object, *, only_named: bool) -> Iterator[Difference]:
    """Compare two JSON values. Paths begin below them."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        yield from differences(model, left, right, only_named=only_named)
    elif isinstance(left, list) and isinstance(right, list):
        for index in range(max(len(left), len(right))):
            one, other = (side[index] if index < len(side) else ABSENT for side in (left, right))
            for path, key, *values in _compare(model, one, other, only_named=only_named):
                yield Difference(f"[{index}]{'.' if path else ''}{path}", key, *values)
    elif left != right or isinstance(left, bool) is not isinstance(right, bool):
        yield Difference("", "", left, right)


def shown(value: object) -> str:
    """Return a value as JSON, shortened."""
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


def assert_sent(requests: Iterable[Request], event: Model | JsonObject, times: int | None) -> None:
    """Raise AssertionError unless an event was accepted; see ``Sandbox.assert_sent``.

    :param requests: what the sandbox received
    """
    __tracebackhide__ = True
    if not isinstance(event, (Model, Mapping)):
        raise ApiTypeError(f"assert_sent: expected an event or a dict with its wire keys, got {type(event).__name__}")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
        raise ApiTypeError(f"assert_sent: times: expected int or None, got {type(times).__name__}")
    if times is not None and times < 0:
        raise ApiValueError(f"assert_sent: times: must be at least 0, got {times}")
    received = list(requests)
    candidates = [_Candidate.of(event, each.event) for each in received if _is_kind(event, each.event)]
    matches = sum(not each.differing for each in candidates)
    if matches if times is None else matches == times:
        return
    raise AssertionError("\n".join(_report(event, times, matches, candidates, received)))


class _Candidate(NamedTuple):
    """An event of the right kind that was sent."""

    sent: Mapping[str, object]
    differing: Sequence[Difference]

    @classmethod
    def of(cls, expected: Model | JsonObject, sent: Any) -> "_Candidate":
        model = type(sent)
        named = to_json_value(expected) if isinstance(expected, Model) else encode(model, expected, validate=False)
        wire = to_json_value(sent)
        return cls(wire, list(differences(model, named, wire, only_named=True)))


def _is_kind(expected: Model | JsonObject, sent: Model | None) -> bool:
    return sent is not None and (isinstance(expected, type(sent)) or not isinstance(expected, Model))


def _report(
    event: Model | JsonObject,
    times: int | None,
    matches: int,
    candidates: Sequence[_Candidate],
    received: Sequence[Request],
) -> Iterator[str]:
    """Say what was expected, and what was sent instead."""
    kind = type(event).__name__ if isinstance(event, Model) else "event"
    expected = "at least 1" if times is None else times
    yield f"{kind}: sent {matches} time{'s' * (matches != 1)}, expected {expected}, with these fields:"
    yield f"  {shown(to_json_value(event))}"
    alike = [candidate for candidate in candidates if not candidate.differing]
    others = [candidate for candidate in candidates if candidate.differing]
    if alike:
        yield "sent:"
        yield from (f"  {shown(candidate.sent)}" for candidate in alike[:_NEAREST])
    elif others:
        yield f"nearest of {len(others)} sent:"
        for candidate in nsmallest(_NEAREST, others, key=lambda each: len(each.differing)):
            yield f"  {shown(candidate.sent)}"
            for path, key, wanted, sent in candidate.differing:
                yield f"    {path} ({key}): expected {shown(wanted)}, sent {shown(sent)}"
    elif counts := Counter(type(each.event).__name__ for each in received if each.event is not None):
        yield "sent: " + ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    refused = [each for each in received if each.event is None and each.error]
    for each in refused[-_NEAREST:]:
        yield f"not accepted: {each.method} {each.path}: {each.status or 'cut'}, {each.error}"
