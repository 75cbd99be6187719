"""What an event may hold: problems are found before sending, and valid values have their form on the wire."""

import copy
import json
import logging
import math
import sys
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import thirdwatch_api
from thirdwatch_api import (
    ApiClient,
    CreateOrder,
    Custom,
    CustomInfo,
    Item,
    Login,
    OrderStatus,
    PaymentMethod,
    Transaction,
    UpdateOrder,
)
from thirdwatch_api.exceptions import ApiTypeError, ApiValueError
from thirdwatch_api.models._encoder import encode, to_json_value
from thirdwatch_api.models._model import Model
from thirdwatch_api.sandbox import Sandbox

from .events import IDENTITY, PlainNumber, events, expected, full, inner, minimal, model_class, wire_names
from .facts import EVENTS, MODELS, PARTS, FieldFact
from .ids import stable
from .programs import run_script

CANARY = "c4n4ry"
SECONDS = "looks like seconds; the service expects milliseconds since the epoch (13 digits today)"
INDIA = timezone(timedelta(hours=5, minutes=30))
each_event = pytest.mark.parametrize("name", EVENTS)
every_field = pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name in (*EVENTS, *PARTS) for field in MODELS[name]],
    ids=lambda part: part if isinstance(part, str) else part.name,
)


def problems(model: type[Model], event: object, **options: bool) -> tuple[str, ...]:
    with pytest.raises(ApiValueError) as caught:
        encode(model, event, **options)
    return caught.value.problems


def refusal(act: Callable[[], object]) -> Exception | None:
    """What an act raises, which must be one of the two errors for misuse."""
    try:
        act()
    except (ApiValueError, ApiTypeError) as error:
        return error
    return None


def strict_json(value: object) -> Any:
    """Write JSON, and read it again with a parser that knows nothing but JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


@each_event
@pytest.mark.parametrize("missing", [{}, {"user_id": ""}, {"user_id": None}])
def test_an_event_needs_an_identity(name: str, missing: dict[str, str | None]) -> None:
    ids = [f.name for f in MODELS[name] if f.name in IDENTITY]
    given_ = {**minimal(name), "user_id": None, **missing}
    wanted = f"{name}: needs {' or '.join(ids)}: the customer's, not the order's"
    assert problems(model_class(name), model_class(name)(**given_)) == (wanted,)
    assert problems(model_class(name), wire_names(name, given_)) == (wanted,)


@each_event
def test_a_session_stands_in_for_a_user_where_the_model_has_one(name: str) -> None:
    given_ = {**minimal(name), "user_id": "", "session_id": "s-1"}
    if any(f.name == "session_id" for f in MODELS[name]):
        assert encode(model_class(name), model_class(name)(**given_)).get("_sessionId") == "s-1"
    else:
        assert name in ("Tag", "UnTag")
        assert problems(model_class(name), wire_names(name, {"user_id": ""}) | {"_sessionId": "s-1"})


@each_event
@pytest.mark.parametrize("empty", [None, ""])
def test_required_fields_are_asked_for(name: str, empty: str | None) -> None:
    required = [f for f in MODELS[name] if f.required]
    event = {**minimal(name), **{f.name: empty for f in required}}
    if not required:
        assert encode(model_class(name), model_class(name)(**event)) == {"_userId": "u-42"}
        return
    wanted = tuple(f"{name}.{f.name}: is required" for f in required)
    assert problems(model_class(name), model_class(name)(**event)) == wanted
    by_wire = tuple(f"{name}.{f.wire}: is required" for f in required)
    assert problems(model_class(name), wire_names(name, event)) == by_wire


@each_event
def test_the_fewest_fields_are_enough(name: str) -> None:
    event = minimal(name)
    assert encode(model_class(name), model_class(name)(**event)) == wire_names(name, event)
    assert encode(model_class(name), wire_names(name, event)) == wire_names(name, event)


def test_zero_and_false_are_no_missing_values() -> None:
    assert encode(CreateOrder, CreateOrder(user_id=0, order_id=0, is_gift=False)) == {
        "_userId": "0",
        "_orderId": "0",
        "_isGift": False,
    }


def test_empty_text_is_sent_where_nothing_is_required() -> None:
    assert encode(OrderStatus, OrderStatus(user_id="", session_id="s", reason="")) == {
        "_userId": "",
        "_sessionId": "s",
        "_reason": "",
    }


@every_field
def test_every_field_refuses_a_wrong_type_and_names_its_path(name: str, field: FieldFact) -> None:
    wrong: dict[str, object] = {"str": [CANARY], "bool": 1, "int": True, "CustomInfo": CANARY}
    value = wrong.get(field.type, CANARY)
    label = "any mapping" if field.type == "CustomInfo" else field.type
    text = "text" if field.type == "str" else label
    event = model_class(name)(**{**minimal(name), field.name: value})
    found = [problem for problem in problems(model_class(name), event) if f".{field.name}:" in problem]
    if field.type == "CustomInfo":
        assert found == [f"{name}.{field.name}: expected CustomInfo, got str"]
    else:
        assert found == [f"{name}.{field.name}: expected {text}, got {type(value).__name__}"]


@every_field
def test_every_field_takes_what_its_declaration_says(name: str, field: FieldFact) -> None:
    event = {**minimal(name), field.name: getattr(full(name), field.name)}
    wanted = expected(name, model_class(name)(**event))
    assert encode(model_class(name), model_class(name)(**event)) == wanted
    assert encode(model_class(name), wanted) == wanted


class Colour(str, Enum):
    RED = "red"


class Size(Enum):
    SMALL = "small"


class NumpyInteger:
    """Stands for ``numpy.int64``, which is no int."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value


class NumpyBool(NumpyInteger):
    """Stands for ``numpy.bool_``, which may have an index, and is no number all the same."""

    def __init__(self) -> None:
        super().__init__(1)


NumpyBool.__name__ = "bool_"
NUMPY_2_BOOL = type("bool", (), {"__module__": "numpy"})()
NUMPY_FLOAT = type("float32", (), {"__float__": lambda self: 0.5})()
NUMPY_TIME = type("datetime64", (), {"__float__": lambda self: 0.5})()


class NumpyArray:
    """Stands for ``numpy.ndarray``, which has an index that most of them can't give."""

    def __index__(self) -> int:
        raise TypeError("only integer scalar arrays can be converted to a scalar index")


class NotATime(datetime):
    """Stands for ``pandas.NaT``, which is a datetime, and differs from itself."""

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = datetime.__hash__


class Liar(Decimal):
    """A number that writes past its field, if it is asked to write itself."""

    def __format__(self, specifier: str, context: object = None) -> str:
        return '1","_userId":"' + CANARY

    def is_finite(self) -> bool:
        return True

    def adjusted(self) -> int:
        return 0


class LateLiar(datetime):
    """A time that writes past its field, if it is asked for a difference."""

    def __sub__(self, other: Any) -> Any:
        return Liar()


class LyingUUID(UUID):
    def __str__(self) -> str:
        return '","_userId":"' + CANARY


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (42, "42"),
        (-1, "-1"),
        (2**200, str(2**200)),
        (Decimal("25.50"), "25.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("-0.0"), "-0.0"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (1e-7, "0.0000001"),
        (2500.0, "2500.0"),
        (5e-324, "0." + "0" * 323 + "5"),
        (datetime(2017, 7, 14, 2, 40, tzinfo=timezone.utc), "1500000000000"),
        (datetime(2017, 7, 14, 8, 10, 0, 999, tzinfo=INDIA), "1500000000000"),
        (datetime(2017, 7, 14, 8, 10, 0, 1000, tzinfo=INDIA), "1500000000001"),
        ("  as it is\n", "  as it is\n"),
        ("नमस्ते 🛒", "नमस्ते 🛒"),
        ("1e5", "1e5"),
        (Colour.RED, "red"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (NumpyInteger(7), "7"),
        (LyingUUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Liar("2.50"), "2.50"),
        (LateLiar(2017, 7, 14, 2, 40, tzinfo=timezone.utc), "1500000000000"),
    ],
    ids=stable,
)
def test_text_fields_take_what_users_have(sandbox: Sandbox, client: ApiClient, value: Any, text: str) -> None:
    thirdwatch_api.OrderStatusApi(client).order_status(OrderStatus(user_id="u", reason=value))
    assert json.loads(sandbox.requests[0].body) == {"_userId": "u", "_reason": text}


def lazy_text(kind: str, monkeypatch: pytest.MonkeyPatch, translate: Callable[[], str]) -> Any:
    """A text that is translated when it is shown, as Django and Flask-Babel make them."""
    if kind != "flask_babel":
        functional = pytest.importorskip("django.utils.functional")
        return functional.lazy(translate, str)() if kind == "gettext_lazy" else functional.SimpleLazyObject(translate)
    made = type("LazyString", (), {"__str__": lambda self: translate()})
    monkeypatch.setitem(sys.modules, "flask_babel.speaklater", SimpleNamespace(LazyString=made))
    return made()


each_lazy_text = pytest.mark.parametrize("kind", ["gettext_lazy", "SimpleLazyObject", "flask_babel"])


@each_lazy_text
def test_lazily_translated_text_is_sent_as_it_reads_then(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = lazy_text(kind, monkeypatch, lambda: 'später "\ud55c"')
    event = OrderStatus(user_id=text, reason=text, custom_info={"note": text})
    wanted = {"_userId": 'später "\ud55c"', "_reason": 'später "\ud55c"', "_customInfo": {"note": 'später "\ud55c"'}}
    assert encode(OrderStatus, event) == wanted
    assert encode(OrderStatus, {"_userId": text, "_reason": text, "_customInfo": {"note": text}}) == wanted


@each_lazy_text
def test_lazily_translated_text_that_is_empty_counts_as_missing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = lazy_text(kind, monkeypatch, str)
    assert problems(CreateOrder, CreateOrder(user_id=empty, order_id=empty)) == (
        "CreateOrder.order_id: is required",
        "CreateOrder: needs user_id or session_id: the customer's, not the order's",
    )


@each_lazy_text
@pytest.mark.parametrize("validate", [True, False])
def test_lazily_translated_text_that_cant_be_read_is_reported_with_its_path(
    kind: str, validate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise LookupError(CANARY)

    event = CreateOrder(user_id="u", order_id="o", items=[Item(category=lazy_text(kind, monkeypatch, fail))])
    assert problems(CreateOrder, event, validate=validate) == (
        "CreateOrder.items[0].category: can't be read (LookupError)",
    )


@pytest.mark.parametrize("validate", [True, False])
def test_a_lazy_object_that_fails_is_reported_with_its_path_wherever_it_stands(validate: bool) -> None:
    def fail() -> object:
        raise LookupError(CANARY)

    lazy: Any = pytest.importorskip("django.utils.functional").SimpleLazyObject(fail)
    order: Any = CreateOrder(
        user_id=lazy,
        order_id=lazy,
        is_gift=lazy,
        billing_address=lazy,
        items=[Item(), lazy, {"_category": lazy}],
        custom_info={"a": [1, lazy]},
    )
    assert problems(CreateOrder, order, validate=validate) == (
        "CreateOrder.user_id: can't be read (LookupError)",
        "CreateOrder.order_id: can't be read (LookupError)",
        "CreateOrder.is_gift: can't be read (LookupError)",
        "CreateOrder.billing_address: can't be read (LookupError)",
        "CreateOrder.items[1]: can't be read (LookupError)",
        "CreateOrder.items[2]._category: can't be read (LookupError)",
        "CreateOrder.custom_info.a[1]: can't be read (LookupError)",
    )


def test_a_lazy_object_that_is_no_text_is_refused_by_its_path() -> None:
    functional = pytest.importorskip("django.utils.functional")
    for wrapped in (5, object(), [CANARY]):
        [problem] = problems(OrderStatus, OrderStatus(user_id="u", reason=functional.SimpleLazyObject(lambda: wrapped)))  # noqa: B023 - read at once
        assert problem == "OrderStatus.reason: expected text, got SimpleLazyObject"


@pytest.mark.parametrize("validate", [True, False])
def test_a_lazy_object_as_a_key_is_one_problem(validate: bool) -> None:
    lazy: Any = pytest.importorskip("django.utils.functional").SimpleLazyObject(lambda: CANARY)
    assert problems(CreateOrder, CreateOrder(user_id="u", order_id="o", custom_info={lazy: 1}), validate=validate) == (
        "CreateOrder.custom_info: a key must be text, got SimpleLazyObject",
    )


def test_a_lazy_object_as_a_key_of_an_event_is_an_unknown_key() -> None:
    lazy: Any = pytest.importorskip("django.utils.functional").SimpleLazyObject(lambda: CANARY)
    assert problems(OrderStatus, {"_userId": "u", lazy: 1}) == ("OrderStatus.<SimpleLazyObject>: unknown key",)


def test_whole_numbers_of_any_kind_are_taken_where_an_int_is() -> None:
    quantity: Any = NumpyInteger(3)
    item = Item(quantity=quantity)
    assert encode(CreateOrder, CreateOrder(user_id="u", order_id="o", items=[item]))["_items"] == [{"_quantity": 3}]
    assert encode(Custom, Custom(user_id=NumpyInteger(1), custom_info={"n": NumpyInteger(2)})) == {
        "_userId": "1",
        "_customInfo": {"n": 2},
    }


def test_a_bool_of_numpy_is_refused_with_what_to_do() -> None:
    order: Any = CreateOrder(user_id="u", order_id="o", is_gift=NumpyBool(), items=[Item(quantity=NumpyBool())])  # type: ignore[arg-type]  # that is the point
    assert problems(CreateOrder, order) == (
        "CreateOrder.is_gift: expected bool, got bool_; pass bool(value)",
        "CreateOrder.items[0].quantity: expected int, got bool_",
    )


@pytest.mark.parametrize("value", [{"_x": 1}, {}, CustomInfo()], ids=stable)
def test_a_mapping_is_refused_where_none_is_declared(value: Any) -> None:
    name = type(value).__name__
    order = CreateOrder(user_id="u", order_id="o", is_gift=value, items=value, payment_methods=[PaymentMethod()])
    assert problems(CreateOrder, order) == (
        f"CreateOrder.is_gift: expected bool, got {name}",
        f"CreateOrder.items: expected list[Item], got {name}",
    )
    assert problems(CreateOrder, CreateOrder(user_id="u", order_id="o", items=[Item(quantity=value)])) == (
        f"CreateOrder.items[0].quantity: expected int, got {name}",
    )


def test_no_module_is_imported_to_know_its_values() -> None:
    done = run_script(
        """
        import sys
        before = set(sys.modules)
        import thirdwatch_api as t
        from thirdwatch_api.models._encoder import to_json
        print(to_json(t.OrderStatus, t.OrderStatus(user_id=5)))
        print(sorted({"uuid", "difflib", "django", "numpy"} & sys.modules.keys() - before))
        """
    )
    assert done.stdout == '{"_userId":"5"}\n[]\n', done.stderr


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (datetime(2017, 7, 14), "a datetime needs a time zone: datetime.now(timezone.utc)"),  # noqa: DTZ001 - to be refused
        (date(2017, 7, 14), "expected text, got date; use a datetime with a time zone"),
        (True, "expected text, got bool; pass 'true' or 'false' if text is meant"),
        (False, "expected text, got bool; pass 'true' or 'false' if text is meant"),
        (NumpyBool(), "expected text, got bool_; pass 'true' or 'false' if text is meant"),
        (NUMPY_2_BOOL, "expected text, got numpy.bool; pass 'true' or 'false' if text is meant"),
        (NUMPY_FLOAT, "expected text, got float32; pass a float or a Decimal"),
        (NUMPY_TIME, "expected text, got datetime64; use a datetime with a time zone"),
        (NumpyArray(), "expected text, got NumpyArray"),
        (b"bytes", "expected text, got bytes; decode it"),
        (bytearray(b"bytes"), "expected text, got bytearray; decode it"),
        (Size.SMALL, "expected text, got Size; pass its .value"),
        (Fraction(1, 3), "expected text, got Fraction; pass a float or a Decimal"),
        (NotATime(2017, 7, 14), "NaT is not a time; leave the field out"),
        (math.nan, "a float must be finite, with an exponent of at most 1024"),
        (-math.inf, "a float must be finite, with an exponent of at most 1024"),
        (Decimal("NaN"), "a Decimal must be finite, with an exponent of at most 1024"),
        (Decimal("sNaN"), "a Decimal must be finite, with an exponent of at most 1024"),
        (Decimal("1E+5000"), "a Decimal must be finite, with an exponent of at most 1024"),
        (10**5000, "an int of more than 1024 bits is too large"),
        ("\ud83d", "contains a lone surrogate, which can't be sent as JSON"),
        ({"a": 1}, "expected text, got dict"),
        (1j, "expected text, got complex"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_text_fields_refuse_what_cant_be_meant(value: Any, why: str) -> None:
    assert problems(OrderStatus, OrderStatus(user_id="u", reason=value)) == (f"OrderStatus.reason: {why}",)
    assert problems(OrderStatus, {"_userId": "u", "_reason": value}) == (f"OrderStatus._reason: {why}",)


@pytest.mark.parametrize("value", ["1500000000", 1500000000, 1500000000.5, Decimal(1500000000), "1500000000.123"])
def test_ten_digits_of_origin_timestamp_are_refused_as_seconds(value: Any) -> None:
    for name in (name for name in EVENTS if any(f.name == "origin_timestamp" for f in MODELS[name])):
        [problem] = problems(model_class(name), model_class(name)(**minimal(name), origin_timestamp=value))
        assert problem == f"{name}.origin_timestamp: {SECONDS}"


@pytest.mark.parametrize("value", ["1500000000000", 1500000000000, "yesterday", "", "150000000", "15000000000"])
def test_no_other_form_of_origin_timestamp_is_checked(value: Any) -> None:
    assert encode(Login, Login(user_id="u", origin_timestamp=value))["_originTimestamp"] == str(value)


def test_ten_digits_are_fine_in_every_other_field() -> None:
    assert encode(OrderStatus, OrderStatus(user_id="1500000000"))["_userId"] == "1500000000"


@pytest.mark.parametrize("status", ["_fulfilled", "_wo_on-hold", "any text at all", ""])
def test_vocabularies_stay_open(sandbox: Sandbox, client: ApiClient, status: str) -> None:
    thirdwatch_api.OrderStatusApi(client).order_status(OrderStatus(user_id="u", order_status=status))
    assert json.loads(sandbox.requests[0].body)["_orderStatus"] == status


@pytest.mark.parametrize("mapping", [OrderedDict, MappingProxyType, CustomInfo, dict])
def test_any_mapping_serves_as_a_dict(mapping: Callable[[Any], Any]) -> None:
    event = mapping({"_userId": "u", "_customInfo": mapping({"a": mapping({"b": (1, 2)})})})
    assert encode(Custom, event) == {"_userId": "u", "_customInfo": {"a": {"b": [1, 2]}}}


def test_lists_may_be_tuples_and_hold_dicts_and_models() -> None:
    event = CreateOrder(user_id="u", order_id="o", items=(Item(item_id="1"), {"_itemId": "2"}))
    assert encode(CreateOrder, event)["_items"] == [{"_itemId": "1"}, {"_itemId": "2"}]
    assert encode(CreateOrder, CreateOrder(user_id="u", order_id="o", items=[]))["_items"] == []


def test_a_key_whose_value_is_none_counts_as_left_out() -> None:
    assert encode(OrderStatus, {"_userId": "u", "_reason": None}) == {"_userId": "u"}


def test_custom_info_takes_any_json_and_what_text_fields_take() -> None:
    info: dict[str, object] = {
        "a": [1, 1.5, None, True, "t", {"b": {}}],
        "money": Decimal("1.50"),
        "model": Item(item_id=1),
    }
    info["time"] = datetime(2017, 7, 14, 2, 40, tzinfo=timezone.utc)
    assert encode(Custom, Custom(user_id="u", custom_info=info))["_customInfo"] == {
        "a": [1, 1.5, None, True, "t", {"b": {}}],
        "money": "1.50",
        "model": {"_itemId": "1"},
        "time": "1500000000000",
    }


def test_all_problems_are_reported_with_their_paths(sandbox: Sandbox, client: ApiClient) -> None:
    event: Any = CreateOrder(
        is_gift="yes",  # type: ignore[arg-type]  # that is the point
        amount=math.nan,
        origin_timestamp=1500000000,
        items=[Item(), Item(), {"_itemId": "x"}, Item(price=True, seller={"_nmae": "x"}), None],  # type: ignore[list-item]  # that is the point
        billing_address={"city": "Pune"},
        custom_info={"a": {"b": [0, {1}]}, "c d": b"", 5: 6},  # type: ignore[dict-item]  # that is the point
    )
    with pytest.raises(ApiValueError) as caught:
        thirdwatch_api.CreateOrderApi(client).create_order(event)
    assert set(caught.value.problems) == {
        "CreateOrder.order_id: is required",
        f"CreateOrder.origin_timestamp: {SECONDS}",
        "CreateOrder.amount: a float must be finite, with an exponent of at most 1024",
        "CreateOrder.is_gift: expected bool, got str",
        "CreateOrder.billing_address.city: unknown key; did you mean '_city'?",
        "CreateOrder.items[3].seller._nmae: unknown key; did you mean '_name'?",
        "CreateOrder.items[3].price: expected text, got bool; pass 'true' or 'false' if text is meant",
        "CreateOrder.items[4]: expected Item, got NoneType",
        "CreateOrder.custom_info.a.b[1]: a value of type set can't be encoded as JSON",
        "CreateOrder.custom_info.<str>: a value of type bytes can't be encoded as JSON; decode it",
        "CreateOrder.custom_info: a key must be text, got int",
        "CreateOrder: needs user_id or session_id: the customer's, not the order's",
    }
    for problem in caught.value.problems:
        assert problem in str(caught.value)
    assert str(caught.value).startswith("this CreateOrder was not sent: ")
    assert sandbox.requests == []


@every_field
def test_a_python_name_or_a_typo_in_a_dict_is_reported_with_the_wire_key(name: str, field: FieldFact) -> None:
    event = wire_names(name, minimal(name))
    assert problems(model_class(name), event | {field.name: "x"}) == (
        f"{name}.{field.name}: unknown key; did you mean {field.wire!r}?",
    )
    typo = field.wire + "s"
    if typo not in {f.wire for f in MODELS[name]}:
        [problem] = problems(model_class(name), event | {typo: "x"})
        assert problem == f"{name}.{typo}: unknown key; did you mean {field.wire!r}?"


def test_the_wrong_spelling_of_the_user_id_is_reported_with_the_right_one() -> None:
    assert problems(Login, {"_userID": "u"}) == (
        "Login._userID: unknown key; did you mean '_userId'?",
        "Login: needs user_id or session_id: the customer's, not the order's",
    )


def test_a_key_that_resembles_none_gets_no_hint() -> None:
    assert problems(Login, {"_userId": "u", "zzz": 1}) == ("Login.zzz: unknown key",)
    assert problems(Login, {"_userId": "u", 5: 1}) == ("Login.<int>: unknown key",)
    assert problems(Login, {"_userId": "u", "ann@shop.example": 1}) == ("Login.<str>: unknown key",)
    assert problems(Login, {"_userId": "u", "x" * 65: 1}) == ("Login.<str>: unknown key",)


def test_a_message_lists_twenty_problems_and_counts_the_others() -> None:
    with pytest.raises(ApiValueError) as caught:
        encode(CreateOrder, CreateOrder(user_id="u", order_id="o", items=[None] * 25))  # type: ignore[list-item]  # that is the point
    assert len(caught.value.problems) == 25
    assert "items[19]" in str(caught.value)
    assert "items[20]" not in str(caught.value)
    assert str(caught.value).endswith("; and 5 more problems")


def test_only_the_problems_that_a_message_lists_get_a_hint() -> None:
    found = problems(Login, {"_userId": "u"} | {f"_deviceIp{i}": 1 for i in range(20_000)})
    assert len(found) == 20_000
    hints = ["; did you mean '_deviceIp'?" in problem for problem in found]
    assert hints == [True] * 20 + [False] * 19_980


@pytest.mark.parametrize("event", [None, 5, "text", b"{}", [("_userId", "u")], object()], ids=stable)
@pytest.mark.parametrize("validate", [True, False])
def test_what_is_neither_a_model_nor_a_mapping_is_a_type_error(event: object, validate: bool) -> None:
    with pytest.raises(ApiTypeError, match=f"expected Login or a dict with its wire keys, got {type(event).__name__}"):
        encode(Login, event, validate=validate)


def test_without_validation_only_json_itself_is_checked() -> None:
    event = {"_useID": "u", "_items": 5, "_isGift": "yes", "_amount": True, "_billingAddress": [1]}
    assert encode(CreateOrder, event, validate=False) == event
    assert encode(CreateOrder, Login(user_id=1), validate=False) == {"_userId": "1"}
    assert encode(CreateOrder, CreateOrder(), validate=False) == {}
    assert encode(Login, Login(origin_timestamp=1500000000), validate=False) == {"_originTimestamp": "1500000000"}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"_userId": b"u"}, "Login._userId: a value of type bytes can't be encoded as JSON; decode it"),
        ({"_userId": {1}}, "Login._userId: a value of type set can't be encoded as JSON"),
        ({"_x": math.inf}, "Login._x: NaN and infinity can't be sent as JSON"),
        ({"_x": "\udcff"}, "Login._x: contains a lone surrogate, which can't be sent as JSON"),
        ({"\udcff": 1}, "Login: contains a lone surrogate, which can't be sent as JSON"),
        ({"_x": 10**5000}, "Login._x: an int of more than 1024 bits is too large"),
        ({5: 1}, "Login.<int>: unknown key"),
        (Login(user_id=object()), "Login.user_id: a value of type object can't be encoded as JSON"),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_without_validation_what_json_cant_carry_is_refused_all_the_same(event: object, why: str) -> None:
    assert problems(Login, event, validate=False) == (why,)


def test_a_cycle_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = [loop]
    [problem] = problems(Custom, {"_userId": "u", "_customInfo": loop})
    assert problem == "Custom._customInfo.self[0]: contains itself"
    item = Item()
    item.seller = item  # type: ignore[assignment]  # that is the point
    assert problems(Item, item, validate=False)
    assert problems(Custom, Custom(user_id="u", custom_info={"item": item}))


def test_the_same_part_twice_is_no_cycle() -> None:
    part = {"a": [1]}
    item = Item(item_id="1")
    event = CreateOrder(user_id="u", order_id="o", items=[item, item], custom_info={"x": part, "y": part})
    assert encode(CreateOrder, event)["_customInfo"] == {"x": part, "y": part}


def test_a_structure_that_would_be_endless_when_written_out_is_refused() -> None:
    part: list[object] = []
    for _ in range(50):
        part = [part, part]
    with pytest.raises(ApiValueError, match=r"^Custom.custom_info.parts.*: there are more than 1,000,000 values$"):
        encode(Custom, Custom(user_id="u", custom_info={"parts": part}))


def test_64_levels_are_fine_and_more_are_refused() -> None:
    def nest(levels: int) -> object:
        value: object = "bottom"
        for _ in range(levels):
            value = [value]
        return value

    assert strict_json(encode(Custom, Custom(user_id="u", custom_info={"deep": nest(50)})))
    [problem] = problems(Custom, Custom(user_id="u", custom_info={"deep": nest(100_000)}))
    assert problem.endswith(": is nested more than 64 deep")
    assert len(problem) < 500


def test_to_json_value_shows_an_event_without_checking_it() -> None:
    assert to_json_value(CreateOrder(items=[Item(price=5)])) == {"_items": [{"_price": "5"}]}
    assert to_json_value([Item(item_id=1), {"a": Decimal("0.5")}, None]) == [{"_itemId": "1"}, {"a": "0.5"}, None]
    with pytest.raises(ApiValueError, match=r"this can't be encoded as JSON: list\[0\]: a value of type set"):
        to_json_value([{1}])


class Hostile:
    """What a value may do at worst: compare, print and hash with an error, as arrays and lazy objects do."""

    def __eq__(self, other: object) -> bool:
        raise ValueError(CANARY)

    __hash__ = object.__hash__

    def __str__(self) -> str:
        raise ValueError(CANARY)

    __repr__ = __str__


surrogates = st.text(st.characters(categories=["Cs", "Ll"]), max_size=3)
junk_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.builds(pow, st.just(10), st.just(5000)),
    st.floats(),
    st.decimals(),
    st.sampled_from([Decimal("sNaN"), Decimal("1E+999999"), Decimal("-0E-999999")]),
    st.text(max_size=5) | surrogates,
    st.binary(max_size=3),
    st.datetimes(timezones=st.none() | st.just(INDIA)),
    st.dates(),
    st.sampled_from([object(), {1}, frozenset(), 1j, ..., Login, Login(user_id="u"), Item(price=math.nan), range(3)]),
)
some_wire_keys = st.sampled_from(sorted({f.wire for fields in MODELS.values() for f in fields}))
junk_keys = st.one_of(some_wire_keys, st.text(max_size=3), surrogates, st.integers(), st.none())
junk = st.recursive(
    junk_leaves,
    lambda deeper: st.one_of(
        st.lists(deeper, max_size=3),
        st.lists(deeper, max_size=2).map(tuple),
        st.dictionaries(junk_keys, deeper, max_size=4),
    ),
    max_leaves=12,
)


@st.composite
def junk_events(draw: st.DrawFn) -> tuple[str, object]:
    """A model or a dict of it, each part of which may be junk."""
    name = draw(st.sampled_from([*EVENTS, *PARTS]))
    values = {f: draw(junk) for f in draw(st.sets(st.sampled_from(MODELS[name]), max_size=4))}
    if draw(st.booleans()):
        return name, model_class(name)(**{f.name: value for f, value in values.items()})
    event: dict[Any, Any] = {f.wire: value for f, value in values.items()}
    return name, event | draw(st.dictionaries(junk_keys, junk, max_size=2))


@given(pair=junk_events(), validate=st.booleans())
def test_junk_raises_nothing_but_our_errors_and_what_passes_is_json(pair: tuple[str, object], validate: bool) -> None:
    name, event = pair
    error = refusal(partial(encode, model_class(name), event, validate=validate))
    if error:
        assert strict_json(str(error)) == str(error)
    else:
        wire = encode(model_class(name), event, validate=validate)
        assert strict_json(wire) == wire


@given(value=junk)
def test_to_json_value_of_junk_raises_nothing_but_our_errors(value: object) -> None:
    if refusal(lambda: to_json_value(value)) is None:
        strict_json(to_json_value(value))


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("model", [CreateOrder, dict])
def test_a_value_that_cant_be_compared_raises_nothing_but_our_errors(model: type[Any], validate: bool) -> None:
    values = {"user_id": "u", "order_id": Hostile()}
    event = wire_names("CreateOrder", values) if model is dict else model(**values)
    [problem] = problems(CreateOrder, event, validate=validate)
    assert problem.endswith("expected text, got Hostile" if validate else "Hostile can't be encoded as JSON")


@pytest.mark.parametrize(
    "key", [10**5000, Hostile(), (1, 2), None, 1.5, b"_userId"], ids=lambda key: type(key).__name__
)
def test_a_key_that_is_no_text_is_a_problem_like_any_other(key: object) -> None:
    [problem] = problems(Login, {"_userId": "u", key: 1})
    assert problem.startswith(f"Login.<{type(key).__name__}>: unknown key")


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**300), 10**300))
def test_any_number_is_plain_decimal_text_that_loses_nothing(number: float | Decimal) -> None:
    assert encode(OrderStatus, OrderStatus(user_id="u", shipping_cost=number))["_shippingCost"] == PlainNumber(number)


@given(pair=events())
def test_encoding_an_event_leaves_it_as_it_was(pair: tuple[str, Any]) -> None:
    name, event = pair
    before = copy.deepcopy(event)
    first = encode(model_class(name), event)
    assert event == before
    assert encode(model_class(name), event) == first
    assert encode(model_class(name), first) == first


def canary_values() -> list[Any]:
    loop: list[object] = [CANARY]
    loop.append(loop)
    return [CANARY + "\ud800", CANARY.encode(), [CANARY], {CANARY}, {"x": {CANARY}}, loop, (CANARY, 5), {"y": CANARY}]


@every_field
def test_no_message_shows_a_value(name: str, field: FieldFact, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for value in canary_values():
        for event in (
            model_class(name)(**{field.name: value}),
            {field.wire: value, "_unknown": CANARY},
            {field.name: value},
        ):
            for validate in (True, False):
                error = refusal(partial(encode, model_class(name), event, validate=validate))
                if error:
                    assert CANARY not in str(error) + repr(error)
                    assert error.__cause__ is None
                    assert error.__context__ is None or error.__suppress_context__
    assert CANARY not in caplog.text


@each_event
def test_no_log_record_of_a_call_shows_a_value(
    name: str, sandbox: Sandbox, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.configuration.debug = True
    api = EVENTS[name]
    getattr(getattr(thirdwatch_api, api.class_name)(client), api.method)(full(name, CANARY))
    assert len(sandbox.events) == 1
    assert caplog.records
    assert CANARY not in caplog.text
    assert sandbox.api_key not in caplog.text


def test_inner_names_the_model_of_a_list() -> None:
    assert [inner(kind) for kind in ("list[Item]", "Item", "str")] == ["Item", "Item", "str"]
    assert problems(Transaction, Transaction(user_id="u", order_id="o")) == (
        "Transaction.transaction_status: is required",
    )
    assert problems(UpdateOrder, UpdateOrder(user_id="u")) == ("UpdateOrder.order_id: is required",)
