"""Signing up and logging in: from a person to a session."""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from billing_api.auth import passwords, sessions
from billing_api.auth.models import User
from billing_api.auth.sessions import Grant
from billing_api.database import db, enter, find, reveal, transaction
from billing_api.domain.access import Principal
from billing_api.domain.emails import fold
from billing_api.errors import NotFound, Unauthenticated
from billing_api.events.service import record
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import Actor


class InvalidCredentials(Unauthenticated):
    """The login was refused. Why is not said: an unknown address, a wrong password and a disabled user look alike."""

    code = "invalid-credentials"
    title = "These credentials are not valid"


def sign_up(values: dict[str, Any], lifetime: dt.timedelta) -> Grant:
    """Found an organization with its owner, who is logged in at once. A taken address is refused (EmailRegistered)."""
    # Hashed before the first statement, so that no connection is held meanwhile.
    password_hash = passwords.digest(values["password"])
    organization_id, user_id = uuid7(), uuid7()
    enter(organization_id, Actor("user", user_id))
    organization = organizations.found(
        organization_id,
        name=values["organization_name"],
        country=values["country"],
        currency=values["currency"],
        time_zone=values["time_zone"],
    )
    user = User(
        id=user_id,
        email=values["email"],
        email_key=fold(values["email"]),
        name=values["name"],
        password_hash=password_hash,
        role="owner",
    )
    db.session.add(user)
    db.session.flush()
    record("user.created", user, role=user.role)
    return sessions.start(organization, user, lifetime)


def login(email: str, password: str, lifetime: dt.timedelta) -> Grant:
    """Open a session.

    Raises:
        InvalidCredentials: for whatever reason.
    """
    # A unit of its own, so that no connection is held while the password is hashed.
    with transaction(read_only=False):
        known = _by_email(email)
    if not passwords.matches(known.password_hash if known else None, password) or known is None:
        raise InvalidCredentials()
    if known.status != "active":
        raise InvalidCredentials()
    enter(known.organization_id, Actor("user", known.id))
    return sessions.start(organizations.current(), find(User, known.id), lifetime)


def open_session(email: str, lifetime: dt.timedelta) -> Grant:
    """A session for the user with this address, without their password: for the operator's own command line.

    Raises:
        NotFound: there is no such user.
    """
    user = _by_email(email)
    if user is None:
        raise NotFound("No user has this e-mail address.")
    enter(user.organization_id, Actor("user", user.id))
    return sessions.start(organizations.current(), user, lifetime)


def employer_of(email: str) -> uuid.UUID:
    """The organization of the user with this address: for the operator's own command line.

    Raises:
        NotFound: there is no such user.
    """
    user = _by_email(email)
    if user is None:
        raise NotFound("No user has this e-mail address.")
    return user.organization_id


def user_of(principal: Principal) -> User:
    """The user whom a credential speaks for."""
    return find(User, principal.actor_id)


def organization_of(_principal: Principal) -> Organization:
    """The organization that a credential speaks for: the one that the unit of work has entered with it."""
    return organizations.current()


def _by_email(email: str) -> User | None:
    """Look across tenants for the one user with this address."""
    key = fold(email)
    reveal("email", key)
    return db.session.scalars(sa.select(User).where(User.email_key == key)).one_or_none()
