"""Events to test with, by hand and by hypothesis, and what each has to look like on the wire.

Everything is built from ``facts``, so that a mistake in the package's declarations shows.
"""

import calendar
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from thirdwatch_api import models

from .facts import EVENTS, MODELS, FieldFact

IDENTITY = ("user_id", "session_id")
_LONGEST_LIST = 2


def model_class(name: str) -> type[Any]:
    """The class of a model; Any, because its fields are not known to a type checker here."""
    found: type[Any] = getattr(models, name)
    return found


def inner(kind: str) -> str:
    """``Item`` for ``list[Item]``."""
    return kind.removeprefix("list[").rstrip("]")


def full(name: str, mark: str = "") -> Any:
    """An event with each field filled; ``mark`` is part of each text in it."""

    def value(field: FieldFact) -> object:
        if field.name == "origin_timestamp":
            return "1500000000000"
        if field.type.startswith("list["):
            return [full(inner(field.type), mark), full(inner(field.type), mark)]
        if field.type in MODELS:
            return full(field.type, mark)
        return {"str": f"{field.name}{mark}", "bool": True, "int": 3}[field.type]

    if name == "CustomInfo":
        return models.CustomInfo({"note": f"free{mark}", "deep": [1, 1.5, None, True, {"a": f"b{mark}"}]})
    return model_class(name)(**{field.name: value(field) for field in MODELS[name]})


def minimal(name: str) -> dict[str, Any]:
    """The fewest keyword arguments with which an event of this model is accepted."""
    needed = {field.name: "x" for field in MODELS[name] if field.required}
    return needed | ({"user_id": "u-42"} if any(field.name == "user_id" for field in MODELS[name]) else {})


def wire_names(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a dict with wire keys, which is accepted wherever a model is."""
    keys = {field.name: field.wire for field in MODELS[name]}
    return {keys[python_name]: value for python_name, value in fields.items()}


class PlainNumber:
    """Equal to each plain decimal text of a number: no exponent, nothing lost."""

    def __init__(self, value: float | Decimal) -> None:
        self.value = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        self._is_negative = self.value.is_signed()

    def __eq__(self, other: object) -> bool:
        plain = isinstance(other, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", other)
        return bool(plain) and Decimal(str(other)) == self.value and str(other).startswith("-") == self._is_negative

    __hash__ = None  # type: ignore[assignment]  # equal to texts that differ

    def __repr__(self) -> str:
        return f"<plain text of {self.value}>"


def expected(kind: str, value: Any) -> Any:
    """The JSON that a value of this type has to be, by the fact sheet and DESIGN alone."""
    if kind.startswith("list["):
        return [expected(inner(kind), part) for part in value]
    if kind == "CustomInfo" or kind not in MODELS:
        return _text(value) if kind == "str" else value
    if isinstance(value, Mapping):
        given = {field: value.get(field.wire) for field in MODELS[kind]}
    else:
        given = {field: getattr(value, field.name) for field in MODELS[kind]}
    return {field.wire: expected(field.type, part) for field, part in given.items() if part is not None}


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return str(calendar.timegm(value.utctimetuple()) * 1000 + value.microsecond // 1000)
    return PlainNumber(value) if isinstance(value, (int, float, Decimal)) else value


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_some_text = texts.filter(bool)
aware_times = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001 - the strategy wants naive bounds
    datetime(9000, 1, 1),  # noqa: DTZ001 - the strategy wants naive bounds
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
_numbers = st.one_of(
    st.integers(-(2**1000), 2**1000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False).filter(lambda number: abs(number.adjusted()) <= 1000),
)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**1000), 2**1000),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(texts, deeper, max_size=3),
    max_leaves=8,
)
custom_infos = st.dictionaries(texts, json_values, max_size=3).map(models.CustomInfo)
_common_infos = st.dictionaries(texts, st.none() | st.booleans() | st.integers(-999, 999) | texts)


def _common_values(field: FieldFact) -> st.SearchStrategy[Any]:
    """What shops mostly send in a field that holds no other model."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "str": _some_text | st.integers(0, 10**9 - 1) | st.decimals(0, 999, places=2),
        "bool": st.booleans(),
        "int": st.integers(-(2**31), 2**31),
        "CustomInfo": _common_infos | _common_infos.map(models.CustomInfo),
    }
    return kinds[field.type]


def common_events(name: str) -> st.SearchStrategy[Any]:
    """Make events as shops mostly send them: the fast path has to take each."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for field in MODELS[name]:
        part = inner(field.type)
        values = common_events(part) if part in MODELS and part != "CustomInfo" else None
        if values is None:
            fields[field.name] = _common_values(field)
        else:
            fields[field.name] = st.lists(values, max_size=_LONGEST_LIST) if part != field.type else values
    needed = {field.name for field in MODELS[name] if field.required or (name in EVENTS and field.name == "user_id")}
    return st.fixed_dictionaries(
        {name: values for name, values in fields.items() if name in needed},
        optional={name: values for name, values in fields.items() if name not in needed},
    ).map(lambda given: model_class(name)(**given))


def _field_values(field: FieldFact, *, as_text: bool) -> st.SearchStrategy[Any]:
    kind = field.type
    if field.name == "origin_timestamp":
        milliseconds = st.integers(10**12, 10**13 - 1).map(str)
        return milliseconds if as_text else milliseconds | aware_times
    if kind == "str":
        needed = field.required or field.name in IDENTITY
        text = _some_text if needed else texts
        return text if as_text else text | _numbers | aware_times
    if kind in ("bool", "int"):
        return st.booleans() if kind == "bool" else st.integers(-(2**1000), 2**1000)
    if kind == "CustomInfo":
        return custom_infos if as_text else custom_infos | custom_infos.map(dict)
    parts = filled(inner(kind), as_text=as_text)
    return st.lists(parts, max_size=_LONGEST_LIST) if kind.startswith("list[") else parts


def filled(name: str, *, as_text: bool = False) -> st.SearchStrategy[Any]:
    """Make values of a model that validate: instances, and dicts with wire keys.

    :param as_text: whether to make instances alone, whose texts are ``str``: they come back equal
    """
    needed = {field for field in MODELS[name] if field.required or (name in EVENTS and field.name == "user_id")}
    fields = {field: _field_values(field, as_text=as_text) for field in MODELS[name]}
    mappings = st.fixed_dictionaries(
        {field.name: values for field, values in fields.items() if field in needed},
        optional={field.name: values for field, values in fields.items() if field not in needed},
    )
    instances = mappings.map(lambda given: model_class(name)(**given))
    return instances if as_text else instances | mappings.map(lambda given: wire_names(name, given))


def events(*, as_text: bool = False) -> st.SearchStrategy[tuple[str, Any]]:
    """Make pairs of a model's name and an event of it that validates."""
    strategies = {name: filled(name, as_text=as_text) for name in EVENTS}
    return st.sampled_from(sorted(EVENTS)).flatmap(lambda name: st.tuples(st.just(name), strategies[name]))
