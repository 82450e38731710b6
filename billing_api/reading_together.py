"""Objects of several shapes that are read in one statement."""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array

from billing_api.database import ask, compiled
from billing_api.reading import Lock, Shape, Texts, in_order
from billing_api.statement import Statement
from billing_api.unit_of_work import unit


def at_hand_together(
    *wanted: tuple[Shape, uuid.UUID | None, Lock | None], beside: sa.Select[Any], **asked: Any
) -> tuple[list[Any | None], list[str]]:
    """The objects with these ids, one of each shape, as `at_hand` would find them one after the other, None where there
    is none; and the texts that the query `beside` finds by what is `asked`, in one statement."""
    ids = {f"id_{place}": id for place, (_, id, _) in enumerate(wanted)}
    found: list[list[Texts]] = [[] for _ in [*wanted, beside]]
    statement = _together(tuple((shape, lock) for shape, _, lock in wanted), beside)
    for place, texts, _ in ask(statement, {"organization_id": unit().tenant, **ids, **asked}):
        found[place].append(texts)
    objects = [shape.from_texts(rows[0]) if rows else None for (shape, _, _), rows in zip(wanted, found, strict=False)]
    return objects, [text for (text,) in found[-1] if text is not None]


def whole_beside(whole: Shape, id: uuid.UUID, *beside: tuple[Shape, uuid.UUID]) -> list[Any | None]:
    """The object with this id with all its parts, and beside it those with these ids, one of each shape, without parts;
    all that the request reads now, in one statement; None where there is none."""
    first, shapes = len(whole.shapes), tuple(shape for shape, _ in beside)
    ids = {f"id_{place}": id for place, (_, id) in enumerate(beside, first)}
    found: list[list[Texts]] = [[] for _ in [*whole.shapes, *beside]]
    asked = {"organization_id": unit().tenant, "ids": [id], **ids}
    for place, texts, _ in ask(_beside(whole, shapes), asked, alone=True):
        found[place].append(texts)
    others = (shape.from_texts(rows[0]) if rows else None for shape, rows in zip(shapes, found[first:], strict=True))
    return [*(whole.wholes(found[:first]) or [None]), *others]


@cache  # a query that is asked beside is made once, and stays
def _together(wanted: Sequence[tuple[Shape, Lock | None]], beside: sa.Select[Any]) -> Statement:
    rows = [shape.texts_of_one(place, lock).cte(f"wanted_{place}") for place, (shape, lock) in enumerate(wanted)]
    (text,) = beside.subquery().c
    place, nowhere = sa.literal_column(str(len(wanted)), sa.Integer), sa.cast(sa.null(), sa.Integer)
    return compiled(sa.union_all(*map(sa.select, rows), sa.select(place, array([text]), nowhere)))


@cache
def _beside(whole: Shape, shapes: Sequence[Shape]) -> Statement:
    others = [shape.texts_of_one(place) for place, shape in enumerate(shapes, len(whole.shapes))]
    return compiled(in_order([*whole.texts_of_wholes(), *others]))
