"""Whatever a body holds, every schema loads it as marshmallow would, and what is right at once."""

import copy
import os
from collections import Counter
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import fields

from billing_api.invoices.imports import InvoiceImport
from billing_api.invoices.line_bodies import LineInput
from billing_api.web.bodies import Body
from billing_api.web.fields import Flaw
from billing_api.web.loading import DirectLoading, taker_of
from tests.web.bodies import ODDITIES, bodies, spoilt
from tests.web.test_dumped_schemas import kinds

EXAMPLES = 200 if os.environ.get("STRESS") else 8
EVERY = sorted({kind for kind in kinds(Body) if not kind.__module__.startswith("tests.")}, key=repr)

RIGHT: dict[type[Body], list[dict[str, Any]]] = {
    LineInput: [{"description": "Consulting"}],
    InvoiceImport: [{"customer_external_id": "crm-1", "customer_id": None, "due_date": None, "void_reason": None}],
}
"""Of schemas that have no examples: members without which few of those that are drawn fit together."""


def exactly(value: Any) -> Any:
    """A value such that another equals it only if it is the same, of the same type, and in the same order."""
    if isinstance(value, dict):
        return type(value), [(name, exactly(inner)) for name, inner in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [exactly(inner) for inner in value]
    return type(value), repr(value), (value.code, value.below) if isinstance(value, Flaw) else None


def outcome(load: Any, body: Any) -> tuple[bool, Any]:
    """Whether it was loaded, and what came of it: a value, or what is wrong."""
    given = copy.deepcopy(body)
    try:
        loaded = True, exactly(load(given))
    except ma.ValidationError as error:
        loaded = False, exactly(error.messages)
    except AttributeError as error:
        # Of hooks that are never asked about what is no object.
        loaded = False, str(error)
    assert exactly(given) == exactly(body), "It was changed by whom it was given to."
    return loaded


def by_marshmallow(schema: ma.Schema, body: Any) -> tuple[bool, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectLoading, "load", ma.Schema.load)
        return outcome(schema.load, body)


def agrees(schema: Body, body: Any) -> bool:
    """Whether the body is right, which both say alike."""
    is_right, wanted = by_marshmallow(schema, body)
    assert outcome(schema.load, body) == (is_right, wanted)
    try:
        at_once = schema.take(copy.deepcopy(body))
    except (ma.ValidationError, AttributeError):
        at_once = ma.missing
    assert (at_once is not ma.missing) == is_right
    assert not is_right or exactly(at_once) == wanted
    return is_right


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_body_is_loaded_as_marshmallow_would(kind: type[Body]) -> None:
    """Plant the flaw by taking a zero at the end of a number for a decimal, by letting texts be printed that begin with
    a blank, or by loading what is unknown."""
    schema, seen = kind(), Counter[bool]()
    known = [*getattr(kind, "examples", {}).values(), *RIGHT.get(kind, [])]

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=HealthCheck)
    @given(bodies(schema), spoilt(schema), st.sampled_from([{}, *known]))
    def compared(whole: Any, flawed: Any, others: Any) -> None:
        seen.update([agrees(schema, whole), agrees(schema, {**whole, **others})])
        agrees(schema, flawed)

    compared()
    for body in (*known, None, [], "x"):
        agrees(schema, body)
    assert seen[True], "None of them was right."


def at_bounds(field: fields.Field[Any]) -> list[Any]:
    """Values next to the limits of a field, on both sides."""
    lengths = [length for name in ("minimum", "maximum") if isinstance(length := getattr(field, name, None), int)]
    numbers = [
        limit for limit in (*lengths, 10 ** getattr(field, "whole", 1)) for limit in (limit - 1, limit, limit + 1)
    ]
    places = getattr(field, "places", 1)
    fractions = [f"{number}.{digits}" for number in numbers for digits in ("0" * places + "1", "9" * places, "0")]
    texts = [sign * number for number in numbers if number < 20_000 for sign in ("x", " ", "\n", "1", "9")]
    return [*numbers, *map(str, numbers), *fractions, *texts]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_field_takes_at_once_what_it_would_take(kind: type[Body]) -> None:
    """Plant the flaw by taking a minus zero for a number, or the 30th of each month for a day."""
    for field in kind().load_fields.values():
        take = taker_of(field, kind.takers)
        for value in [*ODDITIES, *at_bounds(field)] if take else []:
            try:
                taken = take(value)
            except ma.ValidationError:
                continue
            assert taken is ma.missing or exactly(taken) == exactly(field.deserialize(value)), (field, value)
