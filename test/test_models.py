"""What every model can do, tested for all 29."""

import ast
import copy
import importlib
import inspect
import pickle
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import thirdwatch_api
from thirdwatch_api import CreateAccount, CustomInfo, ErrorResponse, EventResponse, Item, OrderStatus, Seller, models
from thirdwatch_api.models import _postbacks, values
from thirdwatch_api.models._fields import Kind, field_table
from thirdwatch_api.models._help import _own_field_docs, field_docs
from thirdwatch_api.models._hints import UnknownValue, nearest, unknown_values
from thirdwatch_api.models._model import Model, decode

from .events import events, expected, full, minimal, model_class, texts
from .facts import EVENTS, MODELS, PARTS, RESPONSES, VALUES

each_model = pytest.mark.parametrize("name", MODELS)
each_declared = pytest.mark.parametrize("name", [name for name in MODELS if name != "CustomInfo"])
each_body = pytest.mark.parametrize("name", [*EVENTS, *PARTS])

PERSONAL = {
    *("session_id", "device_ip", "onboarding_ip_address", "user_email", "email", "phone"),
    *("first_name", "last_name", "age", "gender", "facebook_id", "google_id", "twitter_id"),
    *("address1", "address2", "city", "region", "zipcode", "account_name"),
    *("card_bin", "card_last4", "card_expiry_month", "card_expiry_year", "avs_response_code", "cvv_response_code"),
    *("subject", "content", "review_title", "review_content", "analyst", "order_referrer"),
}
"""Fields about a person, whatever model they are in."""

PERSONAL_HERE = {
    "BillingAddress": {"name", "country"},
    "ShippingAddress": {"name", "country"},
    "Seller": {"name"},
    "OrderStatus": {"description"},
    "ItemStatus": {"description"},
    "Tag": {"description"},
}
"""Fields about a person in these models, and of a thing in others."""


def personal(name: str) -> set[str]:
    return {f.name for f in MODELS[name]} & (PERSONAL | PERSONAL_HERE.get(name, set()))


def module_of(name: str) -> ModuleType:
    return importlib.import_module("thirdwatch_api.models." + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())


def test_the_29_models_of_the_events_are_there() -> None:
    assert len(MODELS) == 29
    assert set(MODELS) <= set(models.__all__)


@each_model
def test_each_model_stands_in_its_module_and_at_the_root(name: str) -> None:
    module = module_of(name)
    assert module.__all__ == [name]
    assert getattr(module, name) is getattr(models, name) is getattr(thirdwatch_api, name)


@each_model
def test_swagger_types_and_attribute_map_are_those_of_the_facts(name: str) -> None:
    model = model_class(name)
    for asked in (model, model()):
        assert list(asked.swagger_types.items()) == [(f.name, f.type) for f in MODELS[name]]
        assert list(asked.attribute_map.items()) == [(f.name, f.wire) for f in MODELS[name]]


@each_body
def test_the_fields_that_have_to_be_there_are_those_of_the_facts(name: str) -> None:
    assert [f.name for f in field_table(model_class(name)) if f.required] == [
        f.name for f in MODELS[name] if f.required
    ]


def test_the_known_values_are_those_of_the_facts() -> None:
    found = {f"{name}.{f.name}": f.known for name in models.__all__ for f in field_table(model_class(name)) if f.known}
    assert found == VALUES


def test_each_list_of_known_values_is_declared_once_and_used() -> None:
    declared = [get_args(getattr(values, name)) for name in values.__all__]
    assert len(set(declared)) == len(declared)
    postbacks = [getattr(_postbacks, name) for name in _postbacks.__all__]
    every = [model_class(name) for name in models.__all__] + postbacks
    assert {f.known for model in every for f in field_table(model) if f.known} == set(declared)


@each_declared
def test_the_constructor_takes_all_fields_by_position_and_by_name(name: str) -> None:
    values = [f"value {i}" for i in range(len(MODELS[name]))]
    by_position = model_class(name)(*values)
    by_name = model_class(name)(**{f.name: value for f, value in zip(MODELS[name], values, strict=True)})
    assert by_position == by_name
    assert [getattr(by_position, f.name) for f in MODELS[name]] == values
    with pytest.raises(TypeError):
        model_class(name)(*values, "one too many")


@each_declared
def test_every_field_is_none_by_default_and_can_be_assigned(name: str) -> None:
    model = model_class(name)()
    for f in MODELS[name]:
        assert getattr(model, f.name) is None
        setattr(model, f.name, "assigned")
        assert getattr(model, f.name) == "assigned"


@each_model
def test_a_misspelt_attribute_or_keyword_fails(name: str) -> None:
    model = model_class(name)()
    with pytest.raises(AttributeError, match="user_idd"):
        model.user_idd = "u-42"
    if name != "CustomInfo":  # any key is right there
        with pytest.raises(TypeError, match="user_idd"):
            model_class(name)(user_idd="u-42")


@each_declared
def test_every_model_and_field_is_documented_in_its_declaration(name: str) -> None:
    assert inspect.getdoc(model_class(name))
    documented: set[str] = set()
    for base in model_class(name).__mro__:
        if not hasattr(base, "__dataclass_fields__"):
            continue
        source = Path(inspect.getfile(base)).read_text(encoding="utf-8")
        [declared] = [c for c in ast.parse(source).body if isinstance(c, ast.ClassDef) and c.name == base.__name__]
        for statement, after in zip(declared.body, declared.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                assert isinstance(after, ast.Expr), f"{base.__name__}.{statement.target.id}"
                assert isinstance(after.value, ast.Constant)
                documented.add(statement.target.id)
    assert documented >= {f.name for f in MODELS[name]}


@each_declared
def test_help_shows_every_field_with_its_text_and_known_values(name: str) -> None:
    shown = " ".join(pydoc.plain(pydoc.render_doc(model_class(name))).replace("|", " ").split())
    for f, doc in ((f, field_docs(model_class(name))[f.name]) for f in field_table(model_class(name))):
        known = f"Known values: {', '.join(f.known)}. " if f.known else ""
        assert f"{f.name}: {f.label}{', required' * f.required} {' '.join(doc.split())} {known}" in shown


@each_declared
def test_a_signature_names_all_fields_on_one_screen(name: str) -> None:
    shown = inspect.signature(model_class(name))
    assert [*shown.parameters][: len(MODELS[name])] == [f.name for f in MODELS[name]]
    assert len(str(shown)) < 24 * 80
    assert "Annotated" not in str(shown)


def test_help_of_a_derived_model_shows_the_fields_as_well() -> None:
    derived = type("MyOrderStatus", (OrderStatus,), {})
    assert "order_id: str\n" in (inspect.getdoc(derived) or "")
    assert inspect.signature(derived) == inspect.signature(OrderStatus)
    assert "Item" in (inspect.getdoc(models.CreateOrder()) or "")
    assert "CustomInfo" not in (inspect.getdoc(CustomInfo) or "")


def test_help_does_without_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_source(_: object) -> str:
        raise OSError

    monkeypatch.setattr(inspect, "getsource", no_source)
    _own_field_docs.cache_clear()
    try:
        assert "\n\norder_id: str\n\norder_status: str\n    Known values: _approved" in (OrderStatus.__doc__ or "")
    finally:
        _own_field_docs.cache_clear()


def test_making_a_model_reads_no_source() -> None:
    code = (
        "import sys, thirdwatch_api; thirdwatch_api.OrderStatus(); print('thirdwatch_api.models._help' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


@each_body
def test_to_dict_names_every_field_and_turns_nested_models_into_dicts(name: str) -> None:
    def plain(value: object) -> object:
        if isinstance(value, Model) and not isinstance(value, CustomInfo):
            return {f.name: plain(getattr(value, f.name)) for f in MODELS[type(value).__name__]}
        return [plain(part) for part in value] if isinstance(value, list) else value

    event = full(name)
    assert event.to_dict() == plain(event)
    assert list(event.to_dict()) == [f.name for f in MODELS[name]]
    assert set(model_class(name)().to_dict().values()) == {None}


@each_model
def test_to_str_is_to_dict_as_readable_text(name: str) -> None:
    assert ast.literal_eval(full(name).to_str()) == full(name).to_dict()


@each_body
def test_from_dict_reads_what_the_wire_holds(name: str) -> None:
    event = full(name)
    assert model_class(name).from_dict(expected(name, event)) == event
    assert model_class(name).from_dict({}) == model_class(name)()
    assert model_class(name).from_dict({"no such key": 1}) == model_class(name)()


def test_what_does_not_fit_its_declaration_is_read_as_it_is() -> None:
    assert CreateAccount.from_dict({"_paymentMethods": "none", "_billingAddress": 5}) == CreateAccount(
        payment_methods="none",  # type: ignore[arg-type]  # a response may hold anything
        billing_address=5,  # type: ignore[arg-type]  # a response may hold anything
    )
    assert OrderStatus.from_dict({"_orderId": {"a": 1}, "_reason": [1]}) == OrderStatus(
        order_id={"a": 1},  # type: ignore[arg-type]  # the same
        reason=[1],  # type: ignore[arg-type]  # the same
    )
    [field] = [f for f in field_table(CreateAccount) if f.name == "promotions"]
    assert field.kind is Kind.LIST
    assert decode(field, [1, {}]) == [1, models.Promotion()]


@each_model
def test_equal_models_are_equal_and_others_are_not(name: str) -> None:
    event = full(name)
    assert event == full(name)
    assert event != full(name, " else")
    assert event != "text"
    if name != "CustomInfo":
        assert event != expected(name, event)


@pytest.mark.parametrize("shared", ["Account", "Order", "Address"])
def test_twins_are_not_equal_to_each_other(shared: str) -> None:
    one, other = [name for name in MODELS if name.endswith(shared)]
    assert full(one) != full(other)


@each_model
def test_models_can_be_pickled_and_copied(name: str) -> None:
    event = full(name)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(event, protocol)) == event
    for twin in (copy.copy(event), copy.deepcopy(event)):
        assert twin == event
        assert twin is not event
        assert type(twin) is type(event)


@each_model
def test_repr_masks_personal_fields_and_shows_the_others(name: str) -> None:
    canary = "c4n4ry"
    for f in MODELS[name]:
        if f.type not in ("str", "bool", "int"):
            continue
        shown = repr(model_class(name)(**{f.name: canary}))
        masked = f.name in personal(name)
        assert shown == f"{name}({f.name}={'***' if masked else repr(canary)})"


@each_model
def test_repr_shows_no_personal_value_at_any_depth(name: str) -> None:
    def hide(value: object) -> object:
        """The same event with a canary in each personal field."""
        if isinstance(value, CustomInfo):
            return CustomInfo({"note": "c4n4ry", "c4n4ry": ["c4n4ry"]})
        if isinstance(value, Model):
            for f in MODELS[type(value).__name__]:
                is_personal = f.name in personal(type(value).__name__)
                setattr(value, f.name, "c4n4ry" if is_personal else hide(getattr(value, f.name)))
        return [hide(part) for part in value] if isinstance(value, list) else value

    event = hide(full(name))
    assert "c4n4ry" not in repr(event)
    assert "c4n4ry" not in str(event)
    assert "c4n4ry" not in f"{[event]}"


def test_repr_shows_no_dict_that_stands_for_a_model() -> None:
    event = models.CreateOrder(order_id="o", billing_address={"_name": "c4n4ry"}, items=[{"_itemId": "c4n4ry"}])
    assert repr(event) == "CreateOrder(order_id='o', billing_address=***, items=[***])"
    assert repr(models.Custom(custom_info={"c4n4ry": 1})) == "Custom(custom_info=***)"
    assert repr(models.Custom(custom_info=CustomInfo(a=1, b=2))) == "Custom(custom_info=CustomInfo(2 keys))"


def test_repr_masks_an_email_address_that_serves_as_user_id() -> None:
    assert repr(OrderStatus(user_id="ann@shop.example", order_id="o-1")) == "OrderStatus(user_id='***', order_id='o-1')"


def test_repr_leaves_out_what_is_not_set() -> None:
    assert repr(OrderStatus()) == "OrderStatus()"
    assert repr(Item(quantity=0, is_on_sale=False)) == "Item(quantity=0, is_on_sale=False)"
    assert repr(Item(seller=Seller(seller_id="s"))) == "Item(seller=Seller(seller_id='s'))"


@given(pair=events())
def test_repr_of_any_event_is_one_line_that_opens_with_its_name(pair: tuple[str, object]) -> None:
    name, event = pair
    if isinstance(event, Model):
        assert repr(event).startswith(f"{name}(")
        assert len(repr(event).splitlines()) == 1


@given(pairs=st.dictionaries(texts, st.integers()))
def test_custom_info_is_a_free_mapping(pairs: dict[str, object]) -> None:
    info = CustomInfo(pairs)
    info["more"] = 1
    assert info == {**pairs, "more": 1}
    assert info.to_dict() == dict(info)
    assert CustomInfo.from_dict(pairs) == pairs
    assert isinstance(CustomInfo.from_dict(pairs), CustomInfo)


@pytest.mark.parametrize(
    ("given_", "message", "kept"),
    [
        ({"message": "ok"}, "ok", {}),
        ({"status": "ok"}, "ok", {}),
        ({"message": "ok", "status": "no"}, "ok", {"status": "no"}),
        ({"message": "ok", "status": "ok", "more": "ok"}, "ok", {"more": "ok"}),
        ({"message": None, "status": "ok"}, "ok", {"message": None}),
        ({}, None, {}),
        ({"score": 82, "flags": ["a"]}, None, {"score": 82, "flags": ["a"]}),
        ({"message": {"text": "ok"}}, '{"text": "ok"}', {}),
        ({"status": 200}, "200", {}),
    ],
)
def test_event_response_reads_message_or_status_and_keeps_the_rest(
    given_: dict[str, object], message: str | None, kept: dict[str, object]
) -> None:
    response = EventResponse.from_dict(given_)
    assert (response.message, response.additional_properties) == (message, kept)
    assert response.to_dict() == {**kept, "message": message}


@pytest.mark.parametrize(
    ("given_", "message", "kept"),
    [
        ({"error": "no"}, "no", {}),
        ({"message": "no"}, "no", {}),
        ({"error": "no", "message": "more"}, "no", {"message": "more"}),
        ({"error": "no", "message": "no"}, "no", {}),
        ({}, None, {}),
        ({"error": ["a", "b"]}, '["a", "b"]', {}),
    ],
)
def test_error_response_reads_error_or_message_and_keeps_the_rest(
    given_: dict[str, object], message: str | None, kept: dict[str, object]
) -> None:
    response = ErrorResponse.from_dict(given_)
    assert (response.message, response.additional_properties) == (message, kept)


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_hold_their_message_by_position_and_the_rest_by_keyword(name: str) -> None:
    response = model_class(name)("text", additional_properties={"score": 1})
    assert response.to_dict() == {"message": "text", "score": 1}
    assert repr(response) == f"{name}(message='text')"
    with pytest.raises(TypeError):
        model_class(name)("text", {})


@pytest.mark.parametrize("name", RESPONSES)
def test_reading_a_response_leaves_the_json_as_it_was(name: str) -> None:
    data: dict[str, object] = {"message": "text", "score": 1}
    model_class(name).from_dict(data)
    assert data == {"message": "text", "score": 1}


@each_body
def test_a_model_that_a_user_derives_is_the_same_on_the_wire(name: str) -> None:
    derived = type(f"My{name}", (model_class(name),), {"extra": 1})
    assert derived(**minimal(name)).attribute_map == model_class(name).attribute_map


def test_values_outside_of_the_known_ones_are_listed_with_the_nearest() -> None:
    order = models.CreateOrder(
        shipping_method="physical",
        currency_code="rupees",
        payment_methods=[
            models.PaymentMethod(payment_type="_cash"),
            models.PaymentMethod(payment_type="credit card"),
            {"_paymentType": "cod", "_amount": "x"},
        ],
        promotions=[models.Promotion(status=True), models.Promotion(status="")],
        items=(Item(seller=Seller()),),
    )
    assert list(unknown_values(order)) == [
        ("CreateOrder.shipping_method", "physical", "_physical"),
        ("CreateOrder.payment_methods[1].payment_type", "credit card", "_creditCard"),
        ("CreateOrder.payment_methods[2]._paymentType", "cod", None),
    ]


def test_a_dict_is_compared_by_its_wire_keys() -> None:
    event = {"_orderStatus": "fulfilled", "_reason": "_other", "order_status": "x", "_description": "y"}
    assert list(unknown_values(event, OrderStatus)) == [
        UnknownValue("OrderStatus._orderStatus", "fulfilled", "_fulfilled")
    ]
    assert next(unknown_values(event, OrderStatus, "body")).path == "body._orderStatus"
    assert list(unknown_values(event)) == []
    assert list(unknown_values(OrderStatus(order_status="_held"), Item)) == []


def test_a_value_is_compared_only_when_it_is_asked_for() -> None:
    read: list[int] = []

    class Parts(tuple[dict[str, str], ...]):
        __slots__ = ()

        def __iter__(self) -> Iterator[dict[str, str]]:
            for number in range(100_000):
                read.append(number)
                yield {"_paymentType": f"credtcard{number}"}

    found = list(islice(unknown_values({"_paymentMethods": Parts()}, models.CreateOrder), 20))
    assert len(found) == len(read) == 20


def test_no_personal_value_is_among_the_unknown_ones() -> None:
    assert list(unknown_values(CreateAccount(gender="c4n4ry"))) == []


def test_what_holds_itself_is_compared_once() -> None:
    item = Item()
    item.seller = item  # type: ignore[assignment]  # that is the point
    assert list(unknown_values(models.AddToCart(item=item))) == []


@pytest.mark.parametrize(
    ("known", "text", "found"),
    [
        (values.OrderStatusValue, "fulfilled", "_fulfilled"),
        (values.OrderStatusValue, "_cancelled", "_canceled"),
        (values.OrderStatusValue, "Cancelled", "_canceled"),
        (values.OrderStatusValue, "shipped to the moon", None),
        (values.OrderStatusValue, "_fulfilled" * 7, None),
        (values.AnalystActionValue, "approve", "approved"),
        (values.OutcomeValue, "success", "_success"),
        (values.OutcomeValue, "succes", "_success"),
        (values.PaymentTypeValue, "CREDIT_CARD", "_creditCard"),
        (values.PromotionStatusValue, "_failed", "_Failed"),
    ],
)
def test_the_nearest_known_value_is_named(known: object, text: str, found: str | None) -> None:
    assert nearest(get_args(known), text) == found
