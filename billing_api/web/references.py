"""What a body refers to: where it is refused, the objects that are not there are told beside its other faults."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

import marshmallow as ma
import sqlalchemy as sa
from marshmallow import fields

from billing_api.database import Model, db
from billing_api.errors import Fault
from billing_api.unit_of_work import unit
from billing_api.web.bodies import Reference, Several
from billing_api.web.loading import key_of

MOST_LOOKED_UP = 1000
_tables: dict[str, sa.FromClause] = {}
"""Not models: what the database refuses of their rows, it does not refuse who looks for them."""

Named = tuple[str, str, uuid.UUID]
"""A reference: of which kind, at which pointer, to what."""


def refer(kind: str, model: type[Model]) -> None:
    """Let references of this kind be to rows of this model. Called where the model has its routes."""
    _tables[kind] = model.__table__


def absent(schema: ma.Schema, body: Any) -> list[Fault]:
    """A fault for each reference that can be read in a refused body, up to a thousand, and leads to nothing. A
    statement for each kind, and none where nothing is referred to."""
    named = list(islice(_references(schema, body, ""), MOST_LOOKED_UP))
    wanted: dict[str, set[uuid.UUID]] = defaultdict(set)
    for kind, _, id in named:
        wanted[kind].add(id)
    there = {kind: _there(kind, ids) for kind, ids in wanted.items()}
    return [
        Fault(f"{kind.replace(' ', '-')}-not-found", f"There is no such {kind}.", pointer)
        for kind, pointer, id in named
        if id not in there[kind]
    ]


def _references(schema: ma.Schema, value: Any, pointer: str) -> Iterator[Named]:
    for name, field in schema.load_fields.items():
        key = key_of(name, field)
        if isinstance(value, dict) and value.get(key) is not None:
            yield from _within(field, value[key], f"{pointer}/{key}")


def _within(field: Any, value: Any, pointer: str) -> Iterator[Named]:
    if isinstance(field, Reference):
        try:
            yield field.kind, pointer, field.deserialize(value)
        except ma.ValidationError:
            return
    elif isinstance(field, fields.Nested):
        yield from _references(field.schema, value, pointer)
    elif isinstance(field, Several) and isinstance(value, list) and len(value) <= field.maximum:
        for index, one in enumerate(value):
            yield from _within(field.inner, one, f"{pointer}/{index}")


def _there(kind: str, ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    rows = _tables[kind].c
    return set(db.session.scalars(sa.select(rows.id).where(rows.organization_id == unit().tenant, rows.id.in_(ids))))
