"""Whatever an object holds, every schema dumps it as marshmallow would."""

import datetime as dt
import os
import types
from collections.abc import Iterator
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import fields

from billing_api.web.decimals import Exact, Money, Price
from billing_api.web.dumping import DirectSchema
from billing_api.web.fields import Date, Id, Instant, Integer, Schema

EXAMPLES = 50 if os.environ.get("STRESS") else 5
TEXTS = st.text(max_size=8)
INSTANTS = st.datetimes(timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30))]))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9)
ANYTHING = st.recursive(TEXTS | st.integers() | st.booleans(), lambda one: st.dictionaries(TEXTS, one, max_size=2))
HELD = {
    Money: st.integers(-(10**15), 10**15),
    Price: NUMBERS,
    Exact: NUMBERS | NUMBERS.map(str),
    Id: st.uuids() | st.uuids().map(str),
    Date: st.dates() | st.dates().map(str),
    Instant: INSTANTS,
    Integer: st.integers(),
    fields.Integer: st.integers() | st.integers().map(str) | NUMBERS,
    fields.Boolean: st.booleans() | st.sampled_from(["true", "off", 0, 1, "perhaps"]),
    fields.String: TEXTS | st.integers() | TEXTS.map(str.encode),
    fields.Dict: st.dictionaries(TEXTS, ANYTHING, max_size=3),
    fields.Field: ANYTHING,
}
"""What may stand where a field takes its value: what the service keeps there, and what else the field would take."""


COMPUTED = (fields.Function, fields.Method)


def kinds(root: type[Schema]) -> Iterator[type[Schema]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


def held_by(field: fields.Field[Any], depth: int) -> st.SearchStrategy[Any]:
    if isinstance(field, fields.Nested):
        return objects(field.schema, depth + 1) if depth < 3 else st.none()
    if isinstance(field, fields.List):
        return st.lists(st.none() | held_by(field.inner, depth), max_size=2)
    return next(HELD[kind] for kind in type(field).__mro__ if kind in HELD)


def objects(schema: ma.Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Mappings and plain objects with a currency, and some of what the schema shows."""
    shown = {
        field.attribute or name: st.none() | held_by(field, depth)
        for name, field in schema.dump_fields.items()
        if not isinstance(field, COMPUTED) and "." not in (field.attribute or name)
    }
    # An absent member of the name of a method of mappings is that method for marshmallow.
    always = {name: shown.pop(name) for name in [*shown] if hasattr(dict, name)}
    always["currency"] = st.sampled_from(["EUR", "JPY", "KWD"])
    shown.pop("currency", None)
    some = st.fixed_dictionaries(always, optional=shown)
    return some | some.map(lambda held: types.SimpleNamespace(**held))


def by_marshmallow(schema: ma.Schema, held: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectSchema, "_serialize", ma.Schema._serialize)
        return schema.dump(held)


def agrees(schema: ma.Schema) -> None:
    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=HealthCheck)
    @given(objects(schema))
    def dumped(held: Any) -> None:
        found, wanted = schema.dump(held), by_marshmallow(schema, held)
        assert found == wanted
        assert list(found) == list(wanted)

    dumped()


@pytest.mark.usefixtures("app")
def test_every_schema_dumps_what_marshmallow_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the flaw by taking each value under its field's name, or by letting a list of objects lose its nulls."""
    for computed in COMPUTED:
        # What is computed of an object needs one that is real.
        monkeypatch.setattr(computed, "_serialize", lambda _field, _value, name, _one: f"{name} is computed")
    every = sorted({kind for kind in kinds(Schema) if not kind.__module__.startswith("tests.")}, key=repr)
    assert len(every) > 100
    for kind in every:
        agrees(kind())
