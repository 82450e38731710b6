"""The shorter way to the values of what is dumped finds what marshmallow's own way does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
import orjson
import pytest
from flask.testing import FlaskClient
from marshmallow import fields

from billing_api.web.dumping import DirectSchema, Written
from tests.contract.operations import document
from tests.contract.story import tell
from tests.factories import Tenant

__all__ = ["document"]


class Inner(DirectSchema):
    name = fields.String()


class Outer(DirectSchema):
    plain = fields.String()
    number = fields.String()
    renamed = fields.Integer(attribute="other", data_key="shown")
    within = fields.String(attribute="inner.name")
    computed = fields.Method("both")
    told = fields.Function(lambda obj: None)
    absent = fields.String()
    instead = fields.String(dump_default="-")
    inner = fields.Nested(Inner)
    several = fields.List(fields.Nested(Inner))
    many = fields.Nested(Inner, many=True)
    failing = fields.String()

    def both(self, _obj: object) -> str:
        return "both"

    @ma.post_dump
    def mark(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "marked": True}


class Named:
    """What has its values in a dictionary of its own."""

    def __init__(self, name: str | None) -> None:
        self.name = name


class Whole(Named):
    plain: str | None = None
    computed = None
    told = None

    def __init__(self, name: str | None) -> None:
        super().__init__(name)
        self.number, self.other, self.renamed = 7, 3, 9
        self.inner = Named(name)
        self.several = [Named(name), {"name": "a"}, {}]

    @property
    def many(self) -> list[Named]:
        return [self.inner]

    @property
    def failing(self) -> str:
        raise AttributeError("failing")


@dataclass(slots=True)
class Bare:
    """What has no dictionary."""

    plain: str
    other: int | None
    inner: Named


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"plain": "x", "number": 7, "other": 3, "inner": {"name": None}, "several": [], "computed": "x", "": "x"},
        {"plain": None, "several": None, "inner": None, "inner.name": "x", "many": [{"name": 1}], "told": "x"},
        {"renamed": 9, "other": 3, "computed": None, "told": None},
        Whole("x"),
        Whole(None),
        Bare("x", None, Named("y")),
    ],
    ids=[
        "nothing",
        "mapping",
        "mapping of nulls",
        "mapping of other names",
        "object",
        "object of nulls",
        "object with slots",
    ],
)
def test_the_values_are_those_that_marshmallow_finds(obj: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Outer().dump(obj), Outer(many=True).dump([obj, obj])
    assert found[0]["computed"] == "both"
    monkeypatch.setattr(DirectSchema, "_serialize", ma.Schema._serialize)
    expected = Outer().dump(obj), Outer(many=True).dump([obj, obj])
    assert found == expected
    assert list(found[0]) == list(expected[0])


def test_a_copy_that_shows_less_shows_no_more() -> None:
    """Plant the flaw by keeping what was found out of the schema that is copied."""
    whole = Outer()
    shown = whole.dump({"plain": "x", "number": "y"})
    assert {"plain", "number"} <= shown.keys()
    around = DirectSchema.from_dict({"it": fields.Nested(whole, only=("plain",))})()
    assert around.dump({"it": {"plain": "x", "number": "y"}})["it"] == {"plain": "x", "marked": True}


def sent(dump: Any) -> Any:
    """The dump, with what was written before in place of its text."""
    if isinstance(dump, orjson.Fragment):
        return orjson.loads(orjson.dumps(dump))
    if isinstance(dump, dict):
        return {name: sent(value) for name, value in dump.items()}
    return [sent(value) for value in dump] if isinstance(dump, list) else dump


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[DirectSchema]]:
    """The schemas that dump meanwhile, each next to marshmallow."""
    seen: set[DirectSchema] = set()
    shorter, longer = DirectSchema._serialize, ma.Schema._serialize

    def both(schema: DirectSchema, obj: Any, *, many: bool = False) -> Any:
        dumped = shorter(schema, obj, many=many)
        if not isinstance(obj, Written):
            assert sent(dumped) == sent(longer(schema, obj, many=many)), type(schema)
        seen.add(schema)
        return dumped

    monkeypatch.setattr(DirectSchema, "_serialize", both)
    yield seen
    for schema in seen:
        # What was compiled meanwhile calls what stands here.
        schema._written.clear()


def test_every_answer_is_what_marshmallow_would_have_dumped(
    client: FlaskClient, tenant: Tenant, document: dict[str, Any], compared: set[DirectSchema]
) -> None:
    """Of all operations. Plant the flaw by taking each value under its field's name."""
    failed = [(name, answer.text) for name, answer in tell(client, tenant, document) if answer.status_code >= 400]
    assert failed == []
    assert len({type(schema).__name__ for schema in compared}) > 60, compared
