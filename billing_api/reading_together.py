"""Objects of several shapes that are read in one statement."""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from billing_api.database import ask, compiled
from billing_api.reading import Lock, Shape, Texts, in_order
from billing_api.statement import Statement
from billing_api.unit_of_work import unit


def at_hand_together(*wanted: tuple[Shape, uuid.UUID | None, Lock | None]) -> list[Any | None]:
    """The objects with these ids, one of each shape, as `at_hand` would find them one after the other, in one
    statement; None where there is none."""
    ids = {f"id_{place}": id for place, (_, id, _) in enumerate(wanted)}
    found: list[Any | None] = [None] * len(wanted)
    statement = _together(tuple((shape, lock) for shape, _, lock in wanted))
    for place, texts, _ in ask(statement, {"organization_id": unit().tenant, **ids}):
        found[place] = wanted[place][0].from_texts(texts)
    return found


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


@cache
def _together(wanted: Sequence[tuple[Shape, Lock | None]]) -> Statement:
    rows = [shape.texts_of_one(place, lock).cte(f"wanted_{place}") for place, (shape, lock) in enumerate(wanted)]
    return compiled(sa.union_all(*map(sa.select, rows)))


@cache
def _beside(whole: Shape, shapes: Sequence[Shape]) -> Statement:
    others = [shape.texts_of_one(place) for place, shape in enumerate(shapes, len(whole.shapes))]
    return compiled(in_order([*whole.texts_of_wholes(), *others]))
