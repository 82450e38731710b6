"""Taking up a second factor, and laying it down: by the user themselves, who give their password once more; only where
they have lost it, others may take it away."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from billing_api import clock
from billing_api.audit_log.service import note, record_and_note
from billing_api.auth import confirming, lockout, one_time_codes, second_factors, sessions
from billing_api.auth.models import RecoveryCode, SecondFactor, User
from billing_api.auth.second_factors import NotTaken
from billing_api.database import db, find, touch
from billing_api.domain.access import Principal
from billing_api.errors import BillingError, Conflict, Fault, Invalid
from billing_api.organizations import service as organizations
from billing_api.sealing import seal
from billing_api.unit_of_work import unit


class SecondFactorEnrolled(Conflict):
    """The user has a second factor already. To change to another authenticator, begin with a `code` of this one beside
    the password; this one holds until the other is verified."""

    code = "second-factor-enrolled"
    title = "There is a second factor already"


class SecondFactorNotBegun(Conflict):
    """There is nothing to verify: nothing was begun, or it was more than ten minutes ago. Begin with `POST
    /v1/me/second-factor`, and give its secret to an authenticator."""

    code = "second-factor-not-begun"
    title = "No second factor was begun"


class SecondFactorNotEnrolled(Conflict):
    """There is no second factor: none to disable or to remove, and no recovery codes to renew. Take one up with `POST
    /v1/me/second-factor`."""

    code = "second-factor-not-enrolled"
    title = "There is no second factor"


class SecondFactorRequiredHere(Conflict):
    """The organization demands a second factor of everybody (`require_second_factor`), so nobody lays theirs down. To
    change to another authenticator, begin anew with `POST /v1/me/second-factor`."""

    code = "second-factor-required-here"
    title = "The organization demands a second factor"


class WrongCode(Invalid):
    """The code is not, or no longer, good: those of an authenticator hold for half a minute, and each code works once.
    Wait for the next one, and see that the clock of the device is right."""

    code = "wrong-code"
    title = "The code is another one"
    keeps = True


_PENDING_FOR = dt.timedelta(minutes=10)
"""For so long a secret waits for its first code."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A factor that waits to be verified; the secret is shown this once."""

    secret: str
    provisioning_uri: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user stands with their second factor, and whether the organization demands one."""

    enrolled_at: dt.datetime | None
    recovery_codes_left: int
    required: bool

    @property
    def enrolled(self) -> bool:
        return self.enrolled_at is not None


def read(principal: Principal) -> Standing:
    """How the principal stands with their second factor. Raises NeedsPerson."""
    factor = second_factors.active(sessions.person(principal))
    required = organizations.current().require_second_factor
    return Standing(factor.enrolled_at, _left(factor), required) if factor else Standing(None, 0, required)


def start(principal: Principal, password: str, code: str | None) -> Begun:
    """A new secret for the principal's authenticator, in place of one that was begun before. A factor that they have
    is asked for a code, and holds until the new one is verified.

    Raises:
        WrongPassword, SecondFactorEnrolled, WrongCode, TooManyCodes, NeedsPerson
    """
    user = _confirmed(principal, password)
    factor = second_factors.of(user.id)
    if factor is None:
        factor = SecondFactor(user_id=user.id)
        db.session.add(factor)
    elif factor.enrolled_at is not None:
        if code is None:
            raise SecondFactorEnrolled("To change to another authenticator, send a `code` of this one, too.")
        _take(user, factor, code)
    secret = one_time_codes.new_secret()
    factor.pending_secret, factor.pending_at = seal(secret, second_factors.PURPOSE), clock.now()
    db.session.flush()
    lockout.forget_own(user.id)
    return Begun(secret, one_time_codes.provisioning_uri(secret, organizations.current().name, user.email))


def verify(principal: Principal, code: str) -> list[str]:
    """Make the secret that was begun the user's own, by its first code; the recovery codes are shown this once.

    Raises:
        SecondFactorNotBegun, SecondFactorEnrolled, WrongCode, TooManyAttempts, NeedsPerson
    """
    user = find(User, confirming.count(principal), lock=True)
    factor = second_factors.of(user.id)
    if factor is None or factor.pending_secret is None:
        raise SecondFactorEnrolled() if factor else SecondFactorNotBegun()
    if factor.pending_at is None or factor.pending_at < clock.now() - _PENDING_FOR:
        raise SecondFactorNotBegun()
    step = second_factors.step_in(factor, factor.pending_secret, code)
    if step is None:
        raise _refused(user, NotTaken())
    record_and_note("user.second_factor_replaced" if factor.enrolled_at else "user.second_factor_enabled", user)
    factor.secret, factor.pending_secret, factor.pending_at = factor.pending_secret, None, None
    # That code is spent, too.
    factor.enrolled_at, factor.last_step = clock.now(), step
    touch(user)
    lockout.forget_own(user.id)
    _drop_codes(factor)
    return _new_codes(factor)


def renew_codes(principal: Principal, password: str, code: str) -> list[str]:
    """Other recovery codes; those that there were are dead.

    Raises:
        WrongPassword, SecondFactorNotEnrolled, WrongCode, TooManyCodes, NeedsPerson
    """
    user = _confirmed(principal, password)
    factor = _own(user)
    _take(user, factor, code)
    lockout.forget_own(user.id)
    _drop_codes(factor)
    record_and_note("user.recovery_codes_renewed", user)
    return _new_codes(factor)


def disable(principal: Principal, password: str, code: str) -> None:
    """Lay the factor down: the password alone opens a session from now on.

    Raises:
        WrongPassword, SecondFactorNotEnrolled, SecondFactorRequiredHere, WrongCode, TooManyCodes, NeedsPerson
    """
    user = _confirmed(principal, password)
    factor = _own(user)
    if organizations.current().require_second_factor:
        raise SecondFactorRequiredHere()
    _take(user, factor, code)
    lockout.forget_own(user.id)
    second_factors.delete(user.id)
    record_and_note("user.second_factor_disabled", user)
    touch(user)


def take_away(user: User) -> None:
    """Delete the factor of a user, whom the caller has locked, for them, as who has lost theirs needs it. All their
    sessions end: what was lost may be in other hands. Raises SecondFactorNotEnrolled."""
    _own(user)
    second_factors.delete(user.id)
    record_and_note("user.second_factor_removed", user)
    touch(user)
    sessions.end_all(user.id, "second factor removed")


def _confirmed(principal: Principal, password: str) -> User:
    """The principal's user, locked, after a look at their password.

    Raises:
        WrongPassword, TooManyAttempts, NeedsPerson
    """
    known, _ = confirming.confirm(principal, password, "/password")
    return confirming.lock(known, "/password")


def _own(user: User) -> SecondFactor:
    factor = second_factors.active(user.id)
    if factor is None:
        raise SecondFactorNotEnrolled()
    return factor


def _take(user: User, factor: SecondFactor, code: str) -> None:
    try:
        second_factors.take(user, factor, code)
    except NotTaken as failure:
        raise _refused(user, failure) from None


def _refused(user: User, failure: NotTaken) -> BillingError:
    """The refusal, which is noted. It commits: before a code is looked at, nothing else may be written in its unit."""
    note("user.confirmation_refused", user, reason=failure.reason, **failure.closing)
    return failure.refusal or WrongCode(faults=[Fault("wrong-code", "It is not, or no longer, good.", "/code")])


def _new_codes(factor: SecondFactor) -> list[str]:
    codes = one_time_codes.new_recovery_codes()
    rows = [RecoveryCode(second_factor_id=factor.id, digest=one_time_codes.digest(factor.id, code)) for code in codes]
    db.session.add_all(rows)
    db.session.flush()
    return codes


def _drop_codes(factor: SecondFactor) -> None:
    db.session.execute(
        sa.delete(RecoveryCode).where(
            RecoveryCode.organization_id == unit().tenant, RecoveryCode.second_factor_id == factor.id
        )
    )


def _left(factor: SecondFactor) -> int:
    query = sa.select(sa.func.count()).where(
        RecoveryCode.organization_id == unit().tenant,
        RecoveryCode.second_factor_id == factor.id,
        RecoveryCode.used_at.is_(None),
    )
    return db.session.scalars(query).one()
