"""Keys that reach over people, and over other keys, end where their maker's own reach ends.

All other keys are the organization's, and outlive whoever made them: its services must not stop because somebody has
left. With a key of these, who is sent away would come in again.
"""

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from billing_api import clock
from billing_api.api_keys.models import ApiKey
from billing_api.audit_log.service import record_and_note
from billing_api.auth.models import User
from billing_api.database import db
from billing_api.domain.access import GOVERNING, Principal
from billing_api.errors import Unauthenticated
from billing_api.invitations import service as invitations
from billing_api.unit_of_work import unit
from billing_api.users import service as users


def end(key: ApiKey) -> None:
    """Refuse a key that the caller has locked, and every token that it was exchanged for, from the next request on; the
    invitations that it sent are taken back."""
    key.revoked_at = clock.now()
    record_and_note("api_key.revoked", key)
    if not GOVERNING.isdisjoint(key.scopes):
        invitations.withdraw(key.id, users.NOTHING)


@users.on_hold
def _hold(principal: Principal) -> None:
    """Let nobody revoke the key that asks before the commit. Raises Unauthenticated where it was done just now."""
    query = sa.select(ApiKey.revoked_at).where(ApiKey.organization_id == unit().tenant, ApiKey.id == principal.actor_id)
    if db.session.execute(query.with_for_update(read=True)).one().revoked_at is not None:
        raise Unauthenticated()


@users.on_reach
def _end_beyond(user: User, scopes: frozenset[str]) -> None:
    """End the keys by which somebody could still do to people and to keys what they may not do any more."""
    if not (lost := GOVERNING - scopes):
        return
    query = sa.select(ApiKey).where(
        ApiKey.organization_id == unit().tenant,
        ApiKey.id.in_(_made_by(user.id)),
        ApiKey.scopes.overlap(sorted(lost)),
        ApiKey.revoked_at.is_(None),
    )
    query = query.order_by(ApiKey.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    for key in db.session.scalars(query).all():
        end(key)
    db.session.flush()


def _made_by(user_id: uuid.UUID) -> sa.Select[tuple[uuid.UUID]]:
    """The keys that somebody has made, those that these have made, and so on; revoked ones too."""
    tenant = unit().tenant
    made = sa.select(ApiKey.id).where(ApiKey.organization_id == tenant, ApiKey.created_by_id == user_id)
    chain = made.cte("chain", recursive=True)
    child = aliased(ApiKey)
    chain = chain.union(sa.select(child.id).where(child.organization_id == tenant, child.created_by_id == chain.c.id))
    return sa.select(chain.c.id)
