"""The second factor of a user at the door: whether there is one, and whether a code is good.

Whoever takes a code holds the lock of its user, so that of several who send the same one is the first.
"""

import uuid

import sqlalchemy as sa
import structlog

from billing_api import clock
from billing_api.audit_log.service import note, record_and_note
from billing_api.auth import lockout, one_time_codes
from billing_api.auth.lockout import Counted, TooManyCodes
from billing_api.auth.models import RecoveryCode, SecondFactor, User
from billing_api.database import db
from billing_api.errors import Unauthenticated
from billing_api.sealing import BrokenSeal, unseal
from billing_api.unit_of_work import SYSTEM, unit

PURPOSE = "second factor"
"""What its secret is sealed for."""

log = structlog.get_logger()


class SecondFactorRequired(Unauthenticated):
    """The password is right, and this user has a second factor. Send the same once more with `code`: the six digits
    that the authenticator shows, or a recovery code."""

    code = "second-factor-required"
    title = "A code of the second factor is required"
    keeps = True


class SecondFactorRefused(Unauthenticated):
    """The password is right, and the code of the second factor is not, or no longer, good: those of an authenticator
    hold for half a minute, and each code works once. Send the next one. It counts as a failed login."""

    code = "second-factor-refused"
    title = "The code of the second factor is not valid"
    keeps = True


def of(user_id: uuid.UUID) -> SecondFactor | None:
    """The user's factor, also one that was begun and is not verified yet."""
    query = sa.select(SecondFactor).where(
        SecondFactor.organization_id == unit().tenant, SecondFactor.user_id == user_id
    )
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def active(user_id: uuid.UUID) -> SecondFactor | None:
    """The factor that the user proves to have when they log in."""
    factor = of(user_id)
    return factor if factor is not None and factor.enrolled_at is not None else None


class NotTaken(Exception):
    """A code that does not let its user in: `reason` and `closing` are to be noted, as `lockout` has counted it, and
    `refusal` is to be told where it was not even looked at."""

    def __init__(self, reason: str = "wrong code", closing: Counted | None = None, refusal: TooManyCodes | None = None):
        super().__init__(reason)
        self.reason, self.closing, self.refusal = reason, closing or {}, refusal


def let_in(user: User, code: str | None, counted: Counted) -> None:
    """Let a user in who has no second factor, or gives a good code of it. The user must be locked; the attempt was
    counted. Raises SecondFactorRequired where they must send a code, and have not, and NotTaken."""
    factor = active(user.id)
    if factor is None:
        return
    given = one_time_codes.plain(code or "")
    if not given:
        # Somebody knows the password: who has the log sees it, whether a code follows or not.
        unit().actor = SYSTEM
        note("login.code_required", user, **counted)
        raise SecondFactorRequired()
    take(user, factor, given)


def take(user: User, factor: SecondFactor, code: str) -> None:
    """Take a code of this factor, which is good once. The user must be locked, and a refusal is to be kept: the guess
    is counted in this unit of work. Raises NotTaken."""
    given = one_time_codes.plain(code)
    if one_time_codes.is_timed(given):
        _take_timed(user, factor, given)
    elif not _takes_recovery(user, factor, given):
        # Not counted: nobody guesses 80 bits.
        raise NotTaken()
    lockout.forget_codes(user.id)


def step_in(factor: SecondFactor, sealed: str | None, code: str) -> int | None:
    """The step that the code has in this sealed secret of the factor. Where the secret key is no longer the one of
    then, no code is right, and a recovery code, which does not hang on that key, is the way in."""
    if sealed is None:
        return None
    try:
        return one_time_codes.step_of(unseal(sealed, PURPOSE), one_time_codes.plain(code), clock.now())
    except BrokenSeal:
        log.error("a second factor cannot be read with this secret key", user_id=str(factor.user_id))
        return None


def delete(user_id: uuid.UUID) -> None:
    """Delete the factor of a user, whom the caller has locked, with its recovery codes."""
    lockout.forget_codes(user_id)
    tenant = unit().tenant
    mine = sa.select(SecondFactor.id).where(SecondFactor.organization_id == tenant, SecondFactor.user_id == user_id)
    for model, its in (
        (RecoveryCode, RecoveryCode.second_factor_id.in_(mine)),
        (SecondFactor, SecondFactor.user_id == user_id),
    ):
        gone = sa.delete(model).where(model.organization_id == tenant, its)
        db.session.execute(gone.execution_options(synchronize_session=False))


def _take_timed(user: User, factor: SecondFactor, code: str) -> None:
    try:
        closing = lockout.count_code(user.id)
    except TooManyCodes as refusal:
        raise NotTaken("too many codes", refusal=refusal) from None
    step = step_in(factor, factor.secret, code)
    # RFC 6238, section 5.2: a code that was accepted is not accepted again.
    if step is None or (factor.last_step is not None and step <= factor.last_step):
        raise NotTaken(closing=closing)
    factor.last_step = step
    db.session.flush()


def _takes_recovery(user: User, factor: SecondFactor, code: str) -> bool:
    spent = db.session.scalar(
        sa.update(RecoveryCode)
        .where(
            RecoveryCode.organization_id == unit().tenant,
            RecoveryCode.second_factor_id == factor.id,
            RecoveryCode.digest == one_time_codes.digest(factor.id, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
        .returning(RecoveryCode.id)
    )
    if spent is not None:
        record_and_note("user.recovery_code_used", user)
    return spent is not None
