"""Signing up and logging in: from a person to a session."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from prometheus_client import Counter
from uuid_utils.compat import uuid7

from billing_api.audit_log.service import note, note_nothing, record_and_note
from billing_api.auth import confirming, lockout, passwords, renewal, resets, second_factors, sessions
from billing_api.auth.lockout import Counted
from billing_api.auth.models import User
from billing_api.auth.second_factors import NotTaken, SecondFactorRefused
from billing_api.auth.sessions import Grant, Terms
from billing_api.database import db, enter, find, reveal, transaction
from billing_api.domain.access import Principal
from billing_api.domain.emails import fold
from billing_api.errors import BillingError, Forbidden, NotFound, Unauthenticated
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import Actor, unit


class SignUpClosed(Forbidden):
    """Nobody founds an organization here by themselves (`BILLING_SIGN_UP=closed`). Who is to join one is invited to it:
    ask an owner or admin of it."""

    code = "sign-up-closed"
    title = "Nobody can sign up here"


class InvalidCredentials(Unauthenticated):
    """The login was refused. Why is not said: an unknown address, a wrong password and a disabled user look alike.
    Check both; who has forgotten the password asks for a new one with `POST /v1/auth/password-reset`, and who may be
    disabled asks an owner or admin."""

    code = "invalid-credentials"
    title = "These credentials are not valid"
    keeps = True


refused_logins = Counter("billing_refused_logins_total", "Logins refused, and why", ["reason"])


def sign_up(values: dict[str, Any], terms: Terms) -> Grant:
    """Found an organization with its owner, who is logged in at once.

    Raises:
        PasswordTooWeak: it would be guessed early.
        EmailRegistered: the address is taken.
    """
    passwords.refuse_weak(values["password"], values["email"], values["name"], values["organization_name"])
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
    user = add(user_id, "owner", email=values["email"], name=values["name"], password_hash=password_hash)
    return sessions.start(organization, user, terms)


def add(id: uuid.UUID, role: str, *, email: str, name: str, password_hash: str) -> User:
    """A new user of the entered organization. Raises EmailRegistered."""
    user = User(id=id, email=email, email_key=fold(email), name=name, password_hash=password_hash, role=role)
    db.session.add(user)
    db.session.flush()
    record_and_note("user.created", user, role=role)
    return user


def login(email: str, password: str, terms: Terms, code: str | None = None) -> Grant:
    """Open a session; a user who has a second factor sends a `code` of it.

    Raises:
        InvalidCredentials: for whatever reason but the code.
        TooManyAttempts: the password was not looked at.
        SecondFactorRequired: the password is right, and a code is lacking.
        SecondFactorRefused: the password is right, and the code is not.
        TooManyCodes: the password is right, and the code was not looked at.
    """
    # A unit of its own, so that no connection is held while the password is hashed.
    with transaction():
        counted = lockout.count(email)
        known = by_email(email)
    if not passwords.matches(known.password_hash if known else None, password) or known is None:
        raise _refused(known, "wrong password", counted)
    if known.status != "active":
        # Before anything else is looked at: for who is disabled a right password takes no longer than a wrong one.
        raise _refused(known, "disabled", counted)
    renewal.renew(known, password)
    enter(known.organization_id, Actor("user", known.id))
    user, organization = _locked(known), organizations.current()
    if user is None:
        raise _refused(known, "wrong password", counted)
    if bar := _bar(user, organization):
        raise _refused(user, bar, counted)
    _pass_second_factor(user, code, counted)
    lockout.forget(email)
    return sessions.start(organization, user, terms)


def change_password(principal: Principal, present: str, new: str, terms: Terms) -> Grant:
    """Give a user another password. All their sessions end, in whosever hands they are, and one begins anew.

    Raises:
        WrongPassword: the present one is another.
        TooManyAttempts: the present one was not looked at.
        PasswordUnchanged: the new one is the present one.
        PasswordTooWeak: the new one would be guessed early.
        NeedsPerson: the principal is none.
    """
    known, organization = confirming.confirm(principal, present, "/current_password")
    passwords.refuse_same(present, new, "/new_password")
    passwords.refuse_weak(new, known.email, known.name, organization.name, pointer="/new_password")
    password_hash = passwords.digest(new)
    user = confirming.lock(known, "/current_password")
    user.password_hash = password_hash
    record_and_note("user.password_changed", user)
    lockout.forget_all(user.email, user.id)
    resets.end_all(user.id)
    sessions.end_all(user.id, "password changed")
    return sessions.start(organizations.current(), user, terms)


def request_reset(email: str, front_end: str | None) -> None:
    """Mail the means to set a new password to the user with this address; for nobody, do as much and mail nothing."""
    resets.request(by_email(email), front_end)


def rename(
    principal: Principal, change: Callable[[User], Mapping[str, Any]], expected: Collection[int] | None = None
) -> User:
    """Give the principal's own user another name. Raises NeedsPerson, PreconditionFailed."""
    user = find(User, sessions.person(principal), lock=True, expected=expected)
    name = change(user)["name"]
    if name != user.name:
        user.name = name
        record_and_note("user.updated", user, changed=["name"])
    db.session.flush()
    return user


def remove(user: User) -> None:
    """Delete a user, whom the caller has locked, with all that hangs on them; their address is free again."""
    # Those that are alive are said to end before nothing is left of them.
    sessions.end_all(user.id, "user removed")
    sessions.delete_all(user.id)
    second_factors.delete(user.id)
    resets.delete_all(user.id)
    lockout.forget_all(user.email, user.id)
    db.session.delete(user)
    db.session.flush()


def by_email(email: str) -> User | None:
    """The one user who has this address, of whichever organization: to be told apart from nobody in a mail to them, and
    in no answer."""
    key = fold(email)
    reveal("email", key)
    return db.session.scalars(sa.select(User).where(User.email_key == key)).one_or_none()


def open_session(email: str, lifetime: dt.timedelta) -> Grant:
    """A session for the user with this address, without their password: for the operator's own command line.

    Raises:
        NotFound: there is no such user.
        OrganizationClosed
    """
    user = _known(email)
    # As the system and not as the user, who does not know of it.
    enter(user.organization_id)
    return sessions.start(organizations.open_one(), user, Terms("body", lifetime))


def employer_of(email: str) -> uuid.UUID:
    """The organization of the user with this address: for the operator's own command line.

    Raises:
        NotFound: there is no such user.
    """
    return _known(email).organization_id


def spoken_for(principal: Principal) -> tuple[Organization, User | None]:
    """For whom a credential speaks: an organization, and one of its users; None where it is an API key's."""
    is_user = sa.and_(User.organization_id == Organization.id, User.id == principal.actor_id)
    query = sa.select(Organization, User).outerjoin(User, is_user).where(Organization.id == unit().tenant)
    organization, user = db.session.execute(query).one()
    return organization, user


def _locked(known: User) -> User | None:
    """The user as they are now; None where they were removed, or given another password, since they were looked up.

    Whoever changes the password or disables the user locks them too, and then ends the sessions that there are.
    """
    with suppress(NotFound):
        user = find(User, known.id, lock=True)
        return user if user.password_hash == known.password_hash else None
    return None


def _bar(user: User, organization: Organization) -> str | None:
    """What keeps somebody out whatever they send; None where they may come in."""
    if user.status != "active":
        return "disabled"
    return "organization closed" if organization.closed_at is not None else None


def _pass_second_factor(user: User, code: str | None, counted: Counted) -> None:
    """Let the user on whose password was right. Raises SecondFactorRequired, SecondFactorRefused, TooManyCodes."""
    try:
        second_factors.let_in(user, code, counted)
    except NotTaken as failure:
        # It weighs as much as a wrong password, and was counted like one.
        closing = {f"codes_{name}": until for name, until in failure.closing.items()}
        refusal = failure.refusal or SecondFactorRefused()
        raise _refused(user, failure.reason, counted | closing, refusal) from None


def _refused(known: User | None, reason: str, counted: Counted, refusal: BillingError | None = None) -> BillingError:
    """The refusal of a login, which its organization can read about. An address that nobody has belongs to none, and
    takes as long."""
    refused_logins.labels(reason if known else "unknown address").inc()
    if known is None:
        note_nothing()
    else:
        # As the system: whoever came is not known to be the user.
        enter(known.organization_id)
        note("login.refused", known, reason=reason, **counted)
    return refusal or InvalidCredentials()


def _known(email: str) -> User:
    """The user with this address. Raises NotFound."""
    user = by_email(email)
    if user is None:
        raise NotFound("No user has this e-mail address.")
    return user
