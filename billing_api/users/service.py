"""The people of an organization: their roles, whether they may come in, and how they leave.

Nobody reaches beyond their own scopes, and one active owner is always left: without one nobody could make another.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import undefer

from billing_api.audit_log.service import note, record_and_note
from billing_api.auth import enrolment, resets, sessions
from billing_api.auth import service as auth
from billing_api.auth.models import User
from billing_api.database import db, find
from billing_api.domain.access import ROLES, Principal
from billing_api.domain.emails import fold
from billing_api.errors import Conflict, Fault, Forbidden, NotFound, PreconditionFailed, Unauthenticated
from billing_api.events.service import record
from billing_api.filtering import filtered, one_of
from billing_api.unit_of_work import unit


class RoleOutOfReach(Forbidden):
    """The role that is given, or taken, carries scopes that you do not have yourself. Ask somebody who has them."""

    code = "role-out-of-reach"
    title = "This role is beyond your own"


class LastOwner(Conflict):
    """This is the only active owner of the organization, and without one nobody could make another. Make somebody else
    an owner first."""

    code = "last-owner"
    title = "The organization would be left without an owner"


class OwnSecondFactor(Conflict):
    """This is your own second factor, which goes with your password and a code of it: `POST
    /v1/me/second-factor/disable`. Who has lost it asks a colleague, because an open session alone must not do this."""

    code = "own-second-factor"
    title = "Nobody removes their own second factor here"


NOTHING: frozenset[str] = frozenset()
SORTED_BY = User.created_at
"""In which order they are listed."""

_SHOWN = undefer(User.has_second_factor)
"""What their colleagues see of them."""
_FILTERS = {
    "role": one_of(User.role),
    "status": one_of(User.status),
    "email": lambda email: User.email_key == fold(email),
}

_on_reach: list[Callable[[User, frozenset[str]], None]] = []
_on_removed: list[Callable[[User], None]] = []
_on_hold: list[Callable[[Principal], None]] = []


def on_reach(follow: Callable[[User, frozenset[str]], None]) -> Callable[[User, frozenset[str]], None]:
    """Have a resource to the right told which scopes a person has from now on; none, where they may not come in."""
    _on_reach.append(follow)
    return follow


def on_removed(follow: Callable[[User], None]) -> Callable[[User], None]:
    """Have a resource to the right told that a person is removed, so that it keeps nothing of them."""
    _on_removed.append(follow)
    return follow


def on_hold(follow: Callable[[Principal], None]) -> Callable[[Principal], None]:
    """Have a resource to the right hold the principals that it knows, which are no users."""
    _on_hold.append(follow)
    return follow


def search(filters: Mapping[str, Any]) -> sa.Select[User]:
    """The people who match."""
    query = sa.select(User).where(User.organization_id == unit().tenant).options(_SHOWN)
    return filtered(query, filters, _FILTERS)


def read(id: uuid.UUID) -> User:
    """One of the people. Raises NotFound."""
    return find(User, id, options=(_SHOWN,))


def edit(
    id: uuid.UUID,
    change: Callable[[User], Mapping[str, Any]],
    principal: Principal,
    expected: Collection[int] | None = None,
) -> User:
    """Change name, role or status. It holds for the next request; whoever is disabled is logged out for good.

    Raises:
        NotFound, PreconditionFailed
        RoleOutOfReach: the role, as it is or as it is to be, is beyond the principal's.
        LastOwner: no active owner would be left.
    """
    user, others = _locked(id, principal, expected)
    values = change(user)
    changed = [name for name, value in values.items() if getattr(user, name) != value]
    if not changed:
        return user
    if not _reaches(principal, user.role):
        raise _out_of_reach(user.role, *changed)
    refuse_beyond(principal, values["role"])
    _refuse_last_owner(user, others, stays=values["role"] == "owner" and values["status"] == "active")
    _set(user, {name: values[name] for name in changed})
    _tell(user, ROLES[user.role] if user.status == "active" else NOTHING)
    db.session.flush()
    return user


def remove(id: uuid.UUID, principal: Principal, expected: Collection[int] | None = None) -> None:
    """Delete a person with their sessions; what they did stays, under their id. Raises as `edit` does."""
    user, others = _locked(id, principal, expected)
    if not _reaches(principal, user.role):
        raise _out_of_reach(user.role)
    _refuse_last_owner(user, others, stays=False)
    record_and_note("user.deleted", user)
    _tell(user, NOTHING)
    for follow in _on_removed:
        follow(user)
    auth.remove(user)


def remove_second_factor(id: uuid.UUID, principal: Principal, expected: Collection[int] | None = None) -> None:
    """Take a second factor that was lost off a person, who is logged out everywhere.

    Raises:
        NotFound, PreconditionFailed, OwnSecondFactor, RoleOutOfReach, SecondFactorNotEnrolled
        NeedsPerson: it is a key, which its maker could use to do it to themselves.
    """
    user, _ = _locked(id, principal, expected)
    if user.id == sessions.person(principal):
        raise OwnSecondFactor()
    if not _reaches(principal, user.role):
        raise _out_of_reach(user.role)
    enrolment.take_away(user)


def hold(principal: Principal) -> None:
    """Let nobody bar the principal, or give them another role, before the commit: what they do last is known to
    whoever does. Raises Unauthenticated where it was done just now.

    The lock is not shared: whoever bars them takes their turn, however often they ask.
    """
    if principal.actor_type != "user":
        for follow in _on_hold:
            follow(principal)
        return
    query = sa.select(User).where(User.organization_id == unit().tenant, User.id == principal.actor_id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    if not _still_holds(principal, db.session.scalars(query).one_or_none()):
        raise Unauthenticated()


def refuse_beyond(principal: Principal, role: str) -> None:
    """Refuse to give a role with scopes that the principal does not have. Raises RoleOutOfReach."""
    if not _reaches(principal, role):
        raise _out_of_reach(role, "role")


def _set(user: User, values: Mapping[str, Any]) -> None:
    turned = {name: [getattr(user, name), value] for name, value in values.items() if name in {"role", "status"}}
    for name, value in values.items():
        setattr(user, name, value)
    record("user.updated", user, changed=list(values))
    # Names are nobody's business in a log that is never changed; what somebody may do is.
    note("user.updated", user, changed=list(values), **turned)
    if values.get("status") == "disabled":
        resets.end_all(user.id)
        sessions.end_all(user.id, "user disabled")


def _reaches(principal: Principal, role: str) -> bool:
    return ROLES[role] <= principal.scopes


def _out_of_reach(role: str, *members: str) -> RoleOutOfReach:
    detail = f"The role {role} has scopes that you do not have."
    return RoleOutOfReach(detail, faults=[Fault("role-out-of-reach", detail, f"/{name}") for name in members])


def _locked(id: uuid.UUID, principal: Principal, expected: Collection[int] | None) -> tuple[User, list[User]]:
    """The person, and the other active owners: with who asks, all are locked in one order, so that of two who do it to
    each other the second sees what the first did.

    Raises:
        NotFound, PreconditionFailed
        Unauthenticated: who asks was disabled, removed, or given another role by the one who came first.
    """
    is_owner = sa.and_(User.role == "owner", User.status == "active")
    query = sa.select(User).where(
        User.organization_id == unit().tenant, sa.or_(User.id.in_([id, principal.actor_id]), is_owner)
    )
    query = query.options(_SHOWN).order_by(User.id).with_for_update(key_share=True, of=User)
    query = query.execution_options(populate_existing=True)
    found = {user.id: user for user in db.session.scalars(query)}
    if principal.actor_type == "user" and not _still_holds(principal, found.get(principal.actor_id)):
        raise Unauthenticated()
    if principal.actor_type != "user":
        hold(principal)
    if id not in found:
        raise NotFound()
    user = found.pop(id)
    if expected is not None and user.version not in expected:
        raise PreconditionFailed()
    return user, [other for other in found.values() if _is_active_owner(other)]


def _still_holds(principal: Principal, user: User | None) -> bool:
    return user is not None and user.status == "active" and ROLES[user.role] == principal.scopes


def _is_active_owner(user: User) -> bool:
    return user.role == "owner" and user.status == "active"


def _refuse_last_owner(user: User, others: list[User], *, stays: bool) -> None:
    if _is_active_owner(user) and not stays and not others:
        raise LastOwner()


def _tell(user: User, scopes: frozenset[str]) -> None:
    # The rightmost resource first: keys are locked before the invitations that they send.
    for follow in reversed(_on_reach):
        follow(user, scopes)
