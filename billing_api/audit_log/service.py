"""Noting what matters to the safety of an organization, and finding it again."""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from billing_api import clock
from billing_api.audit_log.models import AuditEntry
from billing_api.database import db, find
from billing_api.domain.audit_actions import ACTIONS
from billing_api.events.service import HasId, record
from billing_api.filtering import equal, filtered, one_of, since, until
from billing_api.unit_of_work import unit

_FILTERS = {
    "actor_id": equal(AuditEntry.actor_id),
    "object_id": equal(AuditEntry.object_id),
    "created_from": since(AuditEntry.created_at),
    "created_to": until(AuditEntry.created_at),
    "action": one_of(AuditEntry.action),
}
_NEXT_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def note(action: str, object: HasId | None = None, **data: Any) -> None:
    """Note a deed, which is one of ACTIONS, in the transaction at hand, with which it is kept or undone.

    Who did it, through which request and from where, the unit of work knows. `data` holds ids, and names of members:
    nothing personal and no secret, because nothing here is ever changed. Entries share no counter, so that nobody waits
    for another who is noting.

    Raises:
        LookupError: the audit log does not know this deed; whoever reads it must be able to look up what it means.
    """
    if action not in ACTIONS:
        raise LookupError(f"there is no action {action}")
    here = unit()
    db.session.add(
        AuditEntry(
            action=action,
            actor_type=here.actor.type,
            actor_id=here.actor.id,
            object_type=_kind(object) if object is not None else None,
            object_id=object.id if object is not None else None,
            address=here.client.address,
            user_agent=here.client.agent,
            request_id=here.request_id,
            data=data,
            created_at=clock.now(),
        )
    )


def record_and_note(fact: str, row: HasId, *, changed: Sequence[str] = (), **data: Any) -> None:
    """State a fact for those who follow the events, and note it for those who watch over the organization."""
    record(fact, row, changed=changed, **data)
    note(fact, row, **({"changed": list(changed)} if changed else {}), **data)


def note_nothing() -> None:
    """Take as long as a note in a transaction of its own does, and keep nothing: where whether there was something to
    note must not show in the time of the answer. What is written is a word in the database's journal, without which
    the commit would wait for no disk."""
    db.session.execute(sa.select(sa.func.pg_logical_emit_message(True, "billing_api", "")))


def read(id: uuid.UUID) -> AuditEntry:
    """An entry. Raises NotFound."""
    return find(AuditEntry, id)


def search(filters: Mapping[str, Any]) -> sa.Select[AuditEntry]:
    """The query for the entries that match."""
    return filtered(sa.select(AuditEntry).where(AuditEntry.organization_id == unit().tenant), filters, _FILTERS)


def _kind(row: HasId) -> str:
    """What a row is called: `ApiKey` is an `api_key`."""
    return _NEXT_WORD.sub("_", type(row).__name__).lower()
