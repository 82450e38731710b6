"""What is deleted once its time is over, of all tenants, a batch at a time.

A look across tenants finds what is over, through the policy `reaped` of its table; each deletion is made inside its
tenant, and passes over what somebody has locked, so that reapers and requests never wait for each other in a ring.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog

from billing_api import clock
from billing_api.auth import lockout, refresh_tokens
from billing_api.auth.models import PasswordReset, RefreshToken
from billing_api.database import db, enter, reveal, transaction
from billing_api.invitations.models import LISTED as INVITATIONS_LISTED
from billing_api.invitations.models import Invitation
from billing_api.mail import quotas
from billing_api.mail.models import KEPT as MAILS_KEPT
from billing_api.mail.models import Mail
from billing_api.unit_of_work import unit
from billing_api.web.idempotency import KEPT as REPLIES_KEPT
from billing_api.web.idempotency import StoredReply

AT_ONCE = 500
"""So many rows are looked up, and at most so many deleted in one transaction."""

log = structlog.get_logger()

Keys = Collection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Rows of a model that are deleted when `since` lies longer ago than `kept`. The model's table needs the policy of
    `tenancy.reap` on the same expression, and the service the right to delete there."""

    model: Any
    since: sa.SQLColumnExpression[dt.datetime]
    kept: dt.timedelta
    delete: Callable[[Keys, dt.datetime], int] | None = None
    """How those with these keys go, where more goes with them; how many they were."""

    @property
    def table(self) -> str:
        return str(self.model.__tablename__)

    @property
    def key(self) -> list[sa.Column[Any]]:
        """What tells a row from the others of its tenant."""
        return [column for column in self.model.__table__.primary_key if column.name != "organization_id"]


def _forget_tokens(keys: Keys, before: dt.datetime) -> int:
    return refresh_tokens.forget([id for (id,) in keys], before)


REAPED = (
    Leftover(StoredReply, StoredReply.created_at, REPLIES_KEPT),
    # Longer than any access token of theirs holds: a session goes with its last refresh token.
    Leftover(RefreshToken, RefreshToken.expires_at, dt.timedelta(days=7), _forget_tokens),
    Leftover(PasswordReset, PasswordReset.expires_at, dt.timedelta(days=1)),
    Leftover(Invitation, Invitation.expires_at, INVITATIONS_LISTED),
    Leftover(Mail, sa.func.coalesce(Mail.sent_at, Mail.abandoned_at), MAILS_KEPT),
)
"""All of tenants that is deleted by itself."""
FORGOTTEN = {"login_attempts": lockout.forget_old, "mail_quotas": quotas.forget_old}
"""Rows of no tenant, so no policy stands between them and the reaper."""


def reap(goes_on: Callable[[], bool] = lambda: True) -> dict[str, int]:
    """Delete all that is over, until `goes_on` says no; how many rows of which table."""
    counts = {}
    for leftover in REAPED:
        count = 0
        while goes_on():
            found, gone = _batch(leftover, goes_on)
            count += gone
            if found < AT_ONCE or not gone:
                break
        counts[leftover.table] = count
    for table, forget in FORGOTTEN.items():
        counts[table] = _forget(forget, goes_on)
    for table, count in counts.items():
        if count:
            log.info("reaped", table=table, rows=count)
    return counts


def _forget(forget: Callable[[int], int], goes_on: Callable[[], bool]) -> int:
    count = 0
    while goes_on():
        with transaction():
            gone = forget(AT_ONCE)
        count += gone
        if gone < AT_ONCE:
            break
    return count


def _batch(leftover: Leftover, goes_on: Callable[[], bool]) -> tuple[int, int]:
    """How many were found, and how many of them deleted."""
    before = clock.now() - leftover.kept
    of_tenants: dict[uuid.UUID, list[tuple[Any, ...]]] = defaultdict(list)
    with transaction(read_only=True):
        for organization_id, *key in _over(leftover, before):
            of_tenants[organization_id].append(tuple(key))
    delete = leftover.delete or partial(_delete, leftover)
    gone = 0
    for organization_id, keys in of_tenants.items():
        if not goes_on():
            break
        with transaction():
            enter(organization_id)
            gone += delete(keys, before)
    return sum(map(len, of_tenants.values())), gone


def _over(leftover: Leftover, before: dt.datetime) -> list[Any]:
    reveal(f"reaped_{leftover.table}", before.isoformat())
    query = sa.select(leftover.model.organization_id, *leftover.key).where(leftover.since < before)
    return list(db.session.execute(query.order_by(leftover.since).limit(AT_ONCE)))


def _delete(leftover: Leftover, keys: Keys, before: dt.datetime) -> int:
    """Delete those of the entered tenant that are over still and that nobody has locked."""
    key = sa.tuple_(*leftover.key)
    idle = (
        sa.select(*leftover.key)
        .where(leftover.model.organization_id == unit().tenant, key.in_(keys), leftover.since < before)
        .with_for_update(skip_locked=True)
    )
    gone = sa.delete(leftover.model).where(leftover.model.organization_id == unit().tenant, key.in_(idle))
    returned = gone.returning(leftover.model.organization_id).execution_options(synchronize_session=False)
    return len(db.session.scalars(returned).all())
