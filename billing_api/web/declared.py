"""Which refusals follow from how a door is kept, and not from what its view does: from its method and its address, from
the marks that decorators have left on it, and from the constraints of the rows that it writes."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
import sqlalchemy as sa

from billing_api import errors
from billing_api.database import db
from billing_api.errors import BillingError, Forbidden, tree
from billing_api.violations import refusals_of_constraints
from billing_api.web import document, slow_doors
from billing_api.web.app import SAFE
from billing_api.web.cookies import CsrfTokenMismatch
from billing_api.web.errors import DocumentIsFrozen
from billing_api.web.idempotency import IdempotencyKeyInProgress, IdempotencyKeyMalformed, IdempotencyKeyReused
from billing_api.web.rate_limits import RateLimited
from billing_api.web.reach import InsufficientScope, SecondFactorEnrolmentRequired
from billing_api.web.slow_doors import TooManyWaiting
from billing_api.web.unread import UnreadableRequest

_OF_KEYS = (IdempotencyKeyMalformed, IdempotencyKeyReused, IdempotencyKeyInProgress)
_OF_SCOPES = (InsufficientScope, SecondFactorEnrolmentRequired)
_OF_DOORS = (*_OF_KEYS, *_OF_SCOPES, CsrfTokenMismatch, DocumentIsFrozen, RateLimited, TooManyWaiting)
"""What is told here alone, however many functions name it."""


@dataclass(frozen=True)
class Door:
    """A view as it is registered."""

    view: Callable[..., Any]
    path: str
    method: str
    changes_issued: bool = False
    """Whether it writes to documents that the database itself keeps as they were issued."""


def told(door: Door, read: Collection[str]) -> frozenset[str]:
    """The codes of all that a door can refuse with, where its code names those that were `read`."""
    own = {kind.code for kind in _declared(door)} | set(_of_rows(door))
    return frozenset(own | (set(read) - {kind.code for kind in _OF_DOORS}))


def _declared(door: Door) -> Iterator[type[BillingError]]:
    view, writes = door.view, door.method not in SAFE
    # The families are what any exception becomes; of them the statuses of the operation decide.
    yield from (kind for kind in tree() if kind.__module__ == errors.__name__ and kind is not Forbidden)
    yield from (one for one in getattr(view, "refusals", ()) if not isinstance(one, int))
    yield UnreadableRequest
    if door.path.startswith("/v1/"):
        yield RateLimited
    if slow_doors.is_door(door.method, door.path):
        yield TooManyWaiting
    if document.stores_replies(view, door.method):
        yield from _OF_KEYS
    if getattr(view, "required_scopes", ()):
        yield from _OF_SCOPES
    if writes and getattr(view, "is_guarded", False):
        yield CsrfTokenMismatch
    if writes and door.changes_issued and getattr(view, "stores_replies", False):
        yield DocumentIsFrozen


def _of_rows(door: Door) -> Iterator[str]:
    """What the database refuses of the rows of a collection: to be like others, where they are written with the member
    that must be unique; and to go, where others refer to them."""
    address = re.fullmatch(r"/v1/([a-z-]+)(/.*)?", door.path)
    table = db.metadata.tables.get(address[1].replace("-", "_")) if address else None
    if table is None or door.method in SAFE or (door.method == "POST" and "<" in door.path):
        return
    names = _referring(table) if door.method == "DELETE" else {str(one.name) for one in _unique(table)}
    for name in names & refusals_of_constraints().keys():
        refusal = refusals_of_constraints()[name]()
        pointers = {(fault.pointer or "").removeprefix("/") for fault in refusal.faults}
        if door.method == "DELETE" or pointers <= _members(document.body_schema(door.view)):
            yield refusal.code


def _unique(table: sa.Table) -> Iterator[sa.Constraint | sa.Index]:
    yield from (rule for rule in table.constraints if isinstance(rule, sa.UniqueConstraint))
    yield from (index for index in table.indexes if index.unique)


def _referring(table: sa.Table) -> set[str]:
    """The names of the foreign keys that refer to it."""
    keys = (key for one in db.metadata.tables.values() for key in one.foreign_key_constraints)
    return {str(key.name) for key in keys if key.referred_table is table}


def _members(schema: ma.Schema | None) -> set[str]:
    """The names in a body, and in the objects that are in it."""
    if schema is None:
        return set()
    within = (getattr(getattr(field, "inner", field), "schema", None) for field in schema.fields.values())
    return set(schema.fields).union(*(_members(one) for one in within if isinstance(one, ma.Schema)))
