"""The short way to load what is right ends where marshmallow's own way does, and is left wherever it might not."""

import copy
from collections.abc import Callable
from typing import Any

import marshmallow as ma
import pytest
from marshmallow import fields

from billing_api.customers.schemas import CustomerInput
from billing_api.invoices.bodies import InvoiceInput
from billing_api.web.bodies import Body
from billing_api.web.loading import DirectLoading
from tests.bench.operations import customer, invoice
from tests.web.test_loaded_schemas import by_marshmallow, exactly, outcome


class Inner(DirectLoading):
    name = fields.String(required=True)


class Lenient(DirectLoading):
    class Meta:
        unknown = ma.INCLUDE


class Outer(DirectLoading):
    plain = fields.String()
    renamed = fields.Integer(attribute="other", data_key="sent")
    nullable = fields.String(allow_none=True)
    instead = fields.String(load_default="-")
    made = fields.List(fields.String(), load_default=lambda: ["made"])
    empty = fields.Dict(load_default=dict)
    judged = fields.String(validate=ma.validate.Length(max=2))
    changed = fields.String(pre_load=lambda value: value * 2, post_load=lambda value: f"{value}!")
    shown = fields.String(dump_only=True)
    inner = fields.Nested(Inner)
    open = fields.Nested(Lenient)
    opened = fields.Nested(Inner, unknown=ma.INCLUDE)
    several = fields.List(fields.Nested(Inner))
    many = fields.Nested(Inner, many=True)
    plucked = fields.Pluck(Inner, "name")

    @ma.pre_load
    def cut(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "cut"}

    @ma.validates_schema(pass_original=True)
    def judge(self, data: dict[str, Any], original: dict[str, Any], **asked: Any) -> None:
        assert asked == {"many": False, "partial": None, "unknown": ma.RAISE}
        if original.get("cut") == data.get("plain", 0):
            raise ma.ValidationError("Alike.", "plain")

    @ma.post_load
    def mark(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data.get("plain") == "unmarked":
            raise ma.ValidationError({"plain": ["Unmarked."]})
        return {**data, "marked": True}


GIVEN: list[Any] = [
    {},
    {"plain": "x", "sent": 3, "nullable": None, "instead": "y", "made": [], "empty": {"a": 1}, "cut": 1},
    {"judged": "ab", "changed": "c", "inner": {"name": "x"}, "several": [{"name": "x"}], "many": [{"name": "y"}]},
    {"open": {"a": 1}, "opened": {"name": "x", "a": 1}, "plucked": "x"},
    {"plain": None},
    {"plain": 1},
    {"plain": "x", "cut": "x"},
    {"plain": "unmarked"},
    {"renamed": 3},
    {"judged": "abc"},
    {"shown": "x"},
    {"inner": {}},
    {"inner": None},
    {"inner": {"name": "x", "a": 1}},
    {"inner": [{"name": "x"}]},
    {"several": [{"name": "x"}, {}, None]},
    {"many": {"name": "y"}},
    {"open": 1, "opened": {}, "plain": [], "sent": "z"},
]


@pytest.mark.parametrize("body", GIVEN, ids=str)
def test_a_body_is_loaded_as_marshmallow_loads_it(body: Any) -> None:
    schema = Outer()
    found = by_marshmallow(schema, body)
    assert outcome(schema.load, body) == found
    assert outcome(schema.load, body) == found, "What was compiled before loads it otherwise."
    assert found[0] == (GIVEN.index(body) < 4)


@pytest.mark.parametrize(
    "wish", [{"many": True}, {"partial": True}, {"partial": ("sent",)}, {"unknown": ma.EXCLUDE}], ids=str
)
def test_an_unusual_wish_is_left_to_marshmallow(wish: dict[str, Any]) -> None:
    for body in ({}, {"name": "x"}, {"name": "x", "a": 1}, {"a": 1}):
        given = [body] if "many" in wish else body
        wanted = outcome(lambda given: ma.Schema.load(Inner(), given, **wish), given)
        assert outcome(lambda given: Inner().load(given, **wish), given) == wanted
        assert outcome(Inner(**wish).load, given) == wanted


def test_a_copy_that_takes_less_takes_no_more() -> None:
    """Plant the flaw by keeping what was compiled out of the schema that is copied."""
    whole = Outer()
    assert whole.load({"plain": "x"})["plain"] == "x"
    around = DirectLoading.from_dict({"it": fields.Nested(whole, exclude=("plain",))})()
    with pytest.raises(ma.ValidationError) as raised:
        around.load({"it": {"plain": "x"}})
    assert raised.value.messages == {"it": {"plain": ["Unknown field."]}}


def of(**members: Any) -> DirectLoading:
    schema: DirectLoading = type("Odd", (DirectLoading,), {"plain": fields.String(), **members})()
    return schema


def each(_schema: Any, value: str, **_: Any) -> None:
    if value == "x":
        raise ma.ValidationError("Not x.")


@pytest.mark.parametrize(
    "make",
    [
        lambda: of(within=fields.String(attribute="a.b")),
        lambda: of(constant=fields.Constant("c")),
        lambda: of(each=ma.validates("plain")(lambda self, value, **_: each(self, value))),
        lambda: of(all=ma.pre_load(pass_collection=True)(lambda _self, data, **_: {**data, "plain": "all"})),
        lambda: of(dict_class=type("Ordered", (dict,), {})),
        lambda: of(_deserialize=lambda _self, *_, **__: {"own": "way"}),
    ],
    ids=["attribute within", "constant", "validator of a field", "hook of many", "other mapping", "own way"],
)
def test_a_schema_with_anything_unknown_is_left_to_marshmallow(make: Callable[[], DirectLoading]) -> None:
    schema = make()
    for body in ({"plain": "y"}, {"plain": "x"}, {"plain": "y", "within": "z", "constant": "d"}):
        assert schema.take(body) is ma.missing
        assert outcome(schema.load, body) == by_marshmallow(schema, body)


ID = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"
LINE = {
    "description": "Zwei Tage \u2013 vor Ort", "quantity": 2, "unit": "DAY", "unit_price": "960.00",
    "tax_category": "S", "tax_rate": "19", "allowances": [{"percent": "5", "reason": "Loyalty"}],
    "metadata": {"order": "A-1"},
    "billing_period": {"start_date": "2026-10-01", "end_date": "2026-10-28"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (CustomerInput, customer("1")),
        (
            CustomerInput,
            {**CustomerInput.examples["A company"], "email": None, "external_id": "A 1", "archived": False},
        ),
        (InvoiceInput, invoice(ID)),
        (InvoiceInput, {"customer_id": ID, "lines": [LINE] * 1000}),
    ],
    ids=["customer", "whole customer", "invoice", "long invoice"],
)
def test_what_is_plainly_right_is_taken_without_marshmallow(
    kind: type[Body], body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plant the flaw by taking nothing, or by asking a field where it has a taker."""
    schema = kind()
    wanted = by_marshmallow(schema, body)[1]

    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("It was asked.")

    monkeypatch.setattr(ma.Schema, "_do_load", asked)
    monkeypatch.setattr(fields.Field, "deserialize", asked)
    assert exactly(kind().load(copy.deepcopy(body))) == wanted


def test_a_value_that_only_its_field_can_judge_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"customer_id": ID, "lines": [LINE, {**LINE, "details": "two\nlines"}]}
    wanted = by_marshmallow(InvoiceInput(), body)
    asked: list[str] = []
    judge = fields.Field.deserialize

    def noted(field: fields.Field[Any], *given: Any) -> Any:
        asked.append(field.name)
        return judge(field, *given)

    monkeypatch.setattr(fields.Field, "deserialize", noted)
    monkeypatch.setattr(ma.Schema, "_do_load", None)
    assert outcome(InvoiceInput().load, body) == wanted
    assert asked == ["details"]
