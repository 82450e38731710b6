"""Many objects in one request: each for itself, or all or nothing."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import marshmallow as ma
import orjson
from marshmallow import fields
from sqlalchemy.exc import DBAPIError

from billing_api.database import savepoint
from billing_api.errors import BillingError, Conflict, Fault, Invalid
from billing_api.web.bodies import Body, Several
from billing_api.web.errors import is_passing, refusal_for, told
from billing_api.web.fields import FlagText, Id, Schema
from billing_api.web.parser import MAX_FAULTS, invalid
from billing_api.web.references import absent

MAX_ITEMS = 1000
LARGEST_BODY = 16 * 2**20

Values = dict[str, Any]
Made = TypeVar("Made")


class HasId(Protocol):
    """A row that was made."""

    @property
    def id(self) -> uuid.UUID: ...


class Items(Several):
    """The items as they were sent: each is judged when its turn comes, so that the database need not wait for all."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        self.length(value)
        return value


class BulkQuery(Schema):
    """How to take the items."""

    atomic = FlagText(load_default=False, metadata={"description": "`true`: all or nothing."})


class BulkResultOutput(Schema):
    """What became of an item."""

    index = fields.Integer(required=True)
    status = fields.Integer(required=True, metadata={"enum": [201, 409, 422]})
    id = Id(metadata={"x_optional": True})
    problem = fields.Raw(metadata={"$ref": "#/components/schemas/Problem", "x_optional": True})


class BulkOutput(Schema):
    """What became of the items, in their order."""

    results = fields.List(fields.Nested(BulkResultOutput), required=True)
    succeeded = fields.Integer(required=True)
    failed = fields.Integer(required=True)


def bulk_of(item: type[ma.Schema], name: str) -> Schema:
    """The form of a body with up to a thousand items of this form."""
    examples = {title: {"items": [body]} for title, body in getattr(item, "examples", {}).items()}
    members = {"items": Items(fields.Nested(item), MAX_ITEMS, 1, required=True), "examples": examples}
    form: Schema = type(name, (Body,), {**members, "__doc__": "Up to a thousand items."})()
    return form


def run(
    items: Sequence[Any],
    schema: ma.Schema,
    make: Callable[[list[Values]], Sequence[HasId]],
    *,
    atomic: bool,
    at_once: int = 1,
) -> Values:
    """Make an object of each item. Where `make` is quicker with several, it gets them `at_once`; when one of them is
    refused, all are undone and each half is tried by itself, until it is known which it was.

    Raises:
        Invalid, Conflict: where all or nothing was asked for and some were refused; pointers begin with `/items/3`.
        Whatever is no refusal of an item but of the moment, such as a deadlock; it undoes the whole.
    """
    outcomes: list[uuid.UUID | BillingError] = []
    for start in range(0, len(items), at_once):
        loaded = [load(schema, item) for item in items[start : start + at_once]]
        outcomes += [one if isinstance(one, BillingError) else one.id for one in outcomes_of(loaded, make)]
    refusals = {index: one for index, one in enumerate(outcomes) if isinstance(one, BillingError)}
    if atomic and refusals:
        raise _of_whole(refusals, len(items))
    left = iter(range(MAX_FAULTS * 10))
    results = [
        {"index": index, "status": one.status, "problem": _problem(one, left)}
        if isinstance(one, BillingError)
        else {"index": index, "status": 201, "id": one}
        for index, one in enumerate(outcomes)
    ]
    return {"results": results, "succeeded": len(items) - len(refusals), "failed": len(refusals)}


def load(schema: ma.Schema, item: Any) -> Values | Invalid:
    """What an item says, or every fault of it."""
    try:
        values: Values = schema.load(item)
    except ma.ValidationError as error:
        return invalid(error.messages, absent(schema, item))
    return values


def outcomes_of(
    loaded: Sequence[Values | BillingError], make: Callable[[list[Values]], Sequence[Made]]
) -> list[Made | BillingError]:
    """What `make` makes of each item that was loaded, or why it was refused: while it was loaded, or because `make`
    cannot take it, of which nothing is left then.

    Raises:
        Whatever is no refusal of an item but of the moment.
    """
    made = iter(_made_of([one for one in loaded if not isinstance(one, BillingError)], make))
    return [one if isinstance(one, BillingError) else next(made) for one in loaded]


def _made_of(bodies: list[Values], make: Callable[[list[Values]], Sequence[Made]]) -> Sequence[Made | BillingError]:
    try:
        # Also for none: a database that hears nothing from us while many are judged takes us for idle.
        with savepoint():
            return make(bodies) if bodies else []
    except Exception as error:
        refusal = _refusal(error)
        if len(bodies) == 1:
            return [refusal]
    middle = len(bodies) // 2
    return [*_made_of(bodies[:middle], make), *_made_of(bodies[middle:], make)]


def _refusal(error: Exception) -> BillingError:
    """The refusal of an item: what it says, or what else there is, forbids it. Anything else is raised again."""
    refusal = refusal_for(error)
    is_of_the_moment = isinstance(error, DBAPIError) and is_passing(error)
    if is_of_the_moment or refusal.keeps or refusal.status not in {409, 422}:
        raise error
    return refusal


def _problem(refusal: BillingError, left: Iterator[int]) -> Any:
    """The problem that a POST of the item alone would have told; all results together show so many faults, and every
    problem one."""
    shown = [fault for n, fault in enumerate(refusal.faults) if n == 0 or next(left, None) is not None]
    refusal.faults = tuple(shown)
    return orjson.loads(orjson.dumps(told(refusal), default=str))


def _of_whole(refusals: Mapping[int, BillingError], count: int) -> BillingError:
    """One refusal that speaks for all: 422 where one could never be granted, else 409; under the name that they share,
    if they do."""
    faults = [
        fault.below(f"/items/{index}")
        for index, refusal in refusals.items()
        for fault in refusal.faults or [Fault(refusal.code, refusal.detail, "")]
    ]
    first = next(iter(refusals.values()))
    detail = f"{len(refusals)} of {count} items cannot be taken, so none was."
    if len({type(refusal) for refusal in refusals.values()}) > 1:
        is_invalid = any(refusal.status == Invalid.status for refusal in refusals.values())
        return (Invalid if is_invalid else Conflict)(detail, faults=faults[:MAX_FAULTS])
    first.detail, first.faults = detail, tuple(faults[:MAX_FAULTS])
    return first
