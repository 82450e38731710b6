"""Hashes of passwords that were made at another cost are made anew when the password is at hand: at no other time can
they be, and as long as they stay, their time tells that somebody has the address."""

import sqlalchemy as sa

from billing_api.auth import passwords
from billing_api.auth.models import User
from billing_api.database import db, enter, transaction
from billing_api.unit_of_work import Actor


def renew(known: User, password: str) -> None:
    """Keep a hash of today's cost of the password that this user was just found to have, where theirs is another.

    The unit of work must not have begun: it is hashed while no connection is held, and stored in a unit of its own.
    Where the password was changed meanwhile, that one stays, and whoever compares under the lock sees it.
    """
    fresh = passwords.renewed(known.password_hash, password)
    if fresh is None:
        return
    with transaction():
        enter(known.organization_id, Actor("user", known.id))
        db.session.execute(_replacing(known, fresh))
    known.password_hash = fresh


def _replacing(known: User, fresh: str) -> sa.Update:
    """Neither version nor time of change move, and no audit entry is made: it is the same password, and nothing that
    anybody can see has changed."""
    mine = sa.and_(User.organization_id == known.organization_id, User.id == known.id)
    change = sa.update(User).where(mine, User.password_hash == known.password_hash)
    return change.values(password_hash=fresh, updated_at=User.updated_at).execution_options(synchronize_session=False)
