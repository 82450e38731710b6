"""Keys that reach over people, other keys and the organization end where their maker's own reach ends.

All other keys are the organization's, and outlive whoever made them: its services must not stop because somebody has
left. With a key of these, who is sent away would come in again.
"""

import uuid

import sqlalchemy as sa

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


def end(key: ApiKey, reason: str) -> None:
    """Refuse a key that the caller has locked, and every token that it was exchanged for, from the next request on; the
    invitations that it sent are taken back. The reason is noted: `asked` for, or `maker`."""
    key.revoked_at = clock.now()
    record_and_note("api_key.revoked", key, reason=reason)
    if not GOVERNING.isdisjoint(key.scopes):
        invitations.withdraw(key.id, users.NOTHING)


@users.on_hold
def _hold(principal: Principal) -> None:
    """Let nobody revoke the key that asks before the commit. Raises Unauthenticated where it was done just now.

    The lock is not shared: whoever revokes the key takes their turn, however often it asks.
    """
    query = sa.select(ApiKey.revoked_at).where(ApiKey.organization_id == unit().tenant, ApiKey.id == principal.actor_id)
    if db.session.execute(query.with_for_update(key_share=True)).one().revoked_at is not None:
        raise Unauthenticated()


@users.on_reach
def _end_beyond(user: User, scopes: frozenset[str]) -> None:
    """End the keys by which somebody could still do what they may not do any more.

    A key gives no scope that it lacks, so that the makers of such keys are such keys, revoked ones too. What a key is
    making at this moment is seen once its row is locked, and not before: so one generation is looked for after another.
    """
    lost, makers = GOVERNING - scopes, [user.id]
    while lost and makers:
        made = _locked(makers, lost)
        for key in made:
            if key.revoked_at is None:
                end(key, "maker")
        makers = [key.id for key in made]
    db.session.flush()


def _locked(makers: list[uuid.UUID], scopes: frozenset[str]) -> list[ApiKey]:
    """The keys with any of these scopes that they have made."""
    query = sa.select(ApiKey).where(
        ApiKey.organization_id == unit().tenant,
        ApiKey.created_by_id.in_(makers),
        ApiKey.scopes.overlap(sorted(scopes)),
    )
    query = query.order_by(ApiKey.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    return list(db.session.scalars(query))
