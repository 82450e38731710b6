"""Who is logged in gives their password once more, before what an open session alone should not be able to do."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from billing_api.audit_log.service import note
from billing_api.auth import lockout, passwords, renewal, sessions
from billing_api.auth.models import User
from billing_api.database import enter, find, transaction
from billing_api.domain.access import Principal
from billing_api.errors import Fault, Invalid
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import unit


class WrongPassword(Invalid):
    """The present password is not this one. Send that with which you log in; who has forgotten it asks for a new one
    with `POST /v1/auth/password-reset`."""

    code = "wrong-password"
    title = "The present password is another one"


def confirm(principal: Principal, password: str, pointer: str) -> tuple[User, Organization]:
    """The principal's user as they stand, whose password this is, to be locked before anything is changed; and their
    organization.

    The unit of work must not have begun: the password is hashed while no connection is held. What fails here counts for
    the user alone, so that strangers who guess at the login keep nobody from their own account.

    Raises:
        WrongPassword, TooManyAttempts, NeedsPerson
    """
    user_id = sessions.person(principal)
    with _apart():
        lockout.count_own(user_id)
        known, organization = find(User, user_id), organizations.current()
    if not passwords.matches(known.password_hash, password, pointer):
        with _apart():
            note("user.confirmation_refused", known, reason="wrong password")
        raise WrongPassword(faults=[Fault("wrong-password", "It is another one.", pointer)])
    renewal.renew(known, password)
    return known, organization


def count(principal: Principal) -> uuid.UUID:
    """Count an attempt of the principal to prove who they are, before it is judged. Raises TooManyAttempts,
    NeedsPerson."""
    user_id = sessions.person(principal)
    with _apart():
        lockout.count_own(user_id)
    return user_id


def lock(known: User, pointer: str) -> User:
    """The confirmed user, and nobody else's until the commit. Nothing is written yet: who is not refused after this is
    to have their attempts forgotten. Raises WrongPassword where the password was changed meanwhile."""
    user = find(User, known.id, lock=True)
    if user.password_hash != known.password_hash:
        raise WrongPassword(faults=[Fault("wrong-password", "It was changed just now.", pointer)])
    return user


@contextmanager
def _apart() -> Iterator[None]:
    """A short unit of work for the same credential, before that of the request begins."""
    around = unit()
    with transaction():
        enter(around.tenant, around.actor, guard=around.guard)
        yield
