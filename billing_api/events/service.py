"""Recording facts in the transaction in which they come true, and reading them in order."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import event as orm_event
from sqlalchemy.orm import Session, SessionTransaction, aliased
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.database import TenantSession, db
from billing_api.domain.access import SCOPE_OF
from billing_api.domain.event_types import EVENT_TYPES
from billing_api.events.models import Event
from billing_api.inserting import as_json
from billing_api.statement import Statement
from billing_api.unit_of_work import unit


class HasId(Protocol):
    """A row that a fact can be about."""

    @property
    def id(self) -> uuid.UUID: ...


_NUMBERING = Statement(
    """
WITH counted AS (
    UPDATE event_counters SET last_sequence = last_sequence + %(count)s WHERE organization_id = %(organization_id)s
    RETURNING last_sequence - %(count)s AS before
)
INSERT INTO events (
    organization_id, id, sequence, type, object_type, object_id, changed, data, actor_type, actor_id, request_id,
    created_at
)
SELECT %(organization_id)s, id, (SELECT before FROM counted) + place, type, object_type, object_id, changed, data,
    actor_type, actor_id, request_id, created_at
FROM jsonb_to_recordset(%(rows)s) AS fact (
    place int, id uuid, type text, object_type text, object_id uuid, changed text[], data jsonb, actor_type text,
    actor_id uuid, request_id text, created_at timestamptz
)
""",
    {},
)
"""The next numbers of an organization, and its facts under these; where there is no counter, there is no number, which
the table refuses."""
_WAITING = "events waiting for their numbers"
_MARKS = "how many of them there were before each savepoint"


def record(type: str, row: HasId, *, changed: Sequence[str] = (), **data: Any) -> None:
    """State a fact about a row, such as `invoice.finalized`; `changed` names members, `data` holds ids and amounts.

    It gets its number when the transaction commits, and vanishes when it does not.

    Raises:
        LookupError: there is no such type of event.
    """
    if type not in EVENT_TYPES:
        raise LookupError(f"there is no type {type}")
    here = unit()
    db.session.info.setdefault(_WAITING, []).append(
        {
            "id": uuid7(),
            "type": type,
            "object_type": _kind(type),
            "object_id": row.id,
            "changed": list(changed),
            "data": data,
            "actor_type": here.actor.type,
            "actor_id": here.actor.id,
            "request_id": here.request_id,
            "created_at": clock.now(),
        }
    )


def after(
    sequence: int,
    limit: int,
    kinds: Collection[str],
    *,
    types: Collection[str] = (),
    object_id: uuid.UUID | None = None,
) -> tuple[Sequence[Event], bool]:
    """Events about objects of these kinds with a higher number, in order, and whether there are more: all, or those of
    these types, about this object.

    A number is given under the counter's lock, held until the commit, so a reader who sees a number has seen, or can
    see, all smaller ones.
    """
    query = sa.select(Event).where(Event.organization_id == unit().tenant, Event.sequence > sequence)
    if SCOPE_OF.keys() - kinds:
        query = query.where(Event.object_type.in_(sorted(kinds)))
    if object_id is not None:
        query = query.where(Event.object_id == object_id)
    if types and object_id is not None:
        query = query.where(Event.type.in_(types))
    elif types:
        query = _of_types(query, types, limit + 1)
    rows = db.session.scalars(query.order_by(sa.text("events.sequence")).limit(limit + 1)).all()
    return rows[:limit], len(rows) > limit


def scopes_of(types: Collection[str]) -> list[str]:
    """The scopes that whoever asks for these types must have."""
    return sorted({SCOPE_OF[_kind(type)] for type in types})


def _kind(type: str) -> str:
    """What `invoice.finalized` is about: an `invoice`."""
    return type.partition(".")[0]


def _of_types(query: sa.Select[Event], types: Collection[str], most: int) -> sa.Select[Event]:
    """Of each type the first few alone: an index has them in order, which of several types together none has."""
    each = [query.where(Event.type == type).order_by(Event.sequence).limit(most) for type in sorted(set(types))]
    if len(each) == 1:
        return query.where(Event.type.in_(types))
    return sa.select(aliased(Event, sa.union_all(*each).subquery("events")))


@orm_event.listens_for(TenantSession, "before_commit")
def _number(session: Session) -> None:
    """Give the waiting events their numbers, together with the end of the transaction, so that the counter, which all
    writers of the organization share, is held for no longer than the commit takes."""
    if session.in_nested_transaction():
        # The end of a savepoint, which keeps nothing yet.
        return
    waiting = session.info.pop(_WAITING, None)
    if not waiting:
        return
    rows = [{**row, "place": place} for place, row in enumerate(waiting, start=1)]
    values = {"organization_id": unit().tenant, "count": len(rows), "rows": as_json(db.engine.dialect)(rows)}
    unit().end_with([_NUMBERING], values)


@orm_event.listens_for(TenantSession, "after_transaction_create")
def _mark(session: Session, transaction: SessionTransaction) -> None:
    """Remember how many facts were stated before a savepoint."""
    if transaction.nested:
        session.info.setdefault(_MARKS, {})[transaction] = len(session.info.get(_WAITING, ()))


@orm_event.listens_for(TenantSession, "after_transaction_end")
def _unmark(session: Session, transaction: SessionTransaction) -> None:
    session.info.get(_MARKS, {}).pop(transaction, None)


@orm_event.listens_for(TenantSession, "after_rollback")
def _forget(session: Session) -> None:
    """What was undone did not happen: since the savepoint, or at all."""
    savepoint = session.get_nested_transaction()
    first = session.info[_MARKS][savepoint] if savepoint else 0
    del session.info.get(_WAITING, [])[first:]
