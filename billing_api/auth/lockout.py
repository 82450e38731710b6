"""How often a secret may be guessed: ten times in fifteen minutes, and never more than a hundred times in a row.

An attempt is counted before it is judged, so that of many at once not one goes uncounted. Addresses that nobody has are
counted like all others, and none is kept as it is: what stands in the table names nobody without the secret key.
"""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from billing_api import clock
from billing_api.auth.models import LoginAttempts
from billing_api.database import db
from billing_api.domain.emails import fold
from billing_api.errors import TooManyRequests
from billing_api.sealing import fingerprint
from billing_api.sliding_window import SlidingWindow

WINDOW = SlidingWindow(10, dt.timedelta(minutes=15))
MOST_IN_ROW = 100
KEPT = dt.timedelta(days=30)
_NEW_PASSWORD = "set a new password by mail"  # noqa: S105 - words for a person


class TooManyAttempts(TooManyRequests):
    """Too many attempts to log in with this address have failed; it is the same whether somebody has the address or
    not. Wait for as long as `Retry-After` says. After a hundred failures in a row only a new password opens the address
    again. Sessions that are open go on: who is logged in has attempts of their own."""

    code = "too-many-attempts"
    title = "Too many failed attempts"


class TooManyCodes(TooManyRequests):
    """Too many codes of this user's authenticator were wrong, at logins or in open sessions, whatever was right beside
    them. Wait for as long as `Retry-After` says: no new password shortens it. A recovery code is looked at meanwhile,
    and after a hundred failures in a row nothing else is, until a colleague removes the second factor."""

    code = "too-many-codes"
    title = "Too many wrong codes"
    keeps = True


Counted = dict[str, str | None]
"""What is to be noted of an attempt if it fails: where that closes the door to more `closed_until`, which is None where
only something else opens it again."""


def count(email: str) -> Counted:
    """Count an attempt at an address as failed, before its secret is looked at; who succeeds is to `forget` it.

    It holds the row to the end of the unit of work, which is to be committed before the hash: guesses must not wait for
    each other, and a refusal that comes after must not undo it.

    Raises:
        TooManyAttempts: this one is not to be looked at; it was not counted.
    """
    return _count(_of_address(email), TooManyAttempts, _NEW_PASSWORD)


def count_code(user_id: uuid.UUID) -> Counted:
    """Count a code of a user's authenticator as wrong, before it is looked at. A new password opens the address again,
    and not this: the second factor is there for when somebody else reads the user's mails.

    The user is locked, so that their guesses come one after the other; the refusals that follow are to be kept. Raises
    TooManyCodes."""
    return _count(_of_codes(user_id), TooManyCodes, "send a recovery code")


def count_own(user_id: uuid.UUID) -> None:
    """The same as for an address for a user who is logged in and is asked for a secret once more; it is nothing to do
    with their address, at which anybody may guess. Raises TooManyAttempts."""
    _count(_of_user(user_id), TooManyAttempts, _NEW_PASSWORD)


def forget(email: str) -> None:
    """The attempts at this address are of no account any more, because a secret was right."""
    _forget(_of_address(email))


def forget_codes(user_id: uuid.UUID) -> None:
    """Those at codes of the user's authenticator: one was right, or the second factor is gone."""
    _forget(_of_codes(user_id))


def forget_own(user_id: uuid.UUID) -> None:
    """Those of a user who is logged in."""
    _forget(_of_user(user_id))


def forget_all(email: str, user_id: uuid.UUID) -> None:
    """Those at the address and those of who is logged in: the password is a new one, or the user is gone."""
    _forget(_of_address(email), _of_user(user_id))


def forget_old(at_most: int) -> int:
    """Delete attempts so old that they hold nobody up; an address that was closed for good stays so.

    Returns:
        How many addresses they were, `at_most` so many at once. Those at which somebody is at work are left.
    """
    newest = LoginAttempts.failed_at[sa.func.cardinality(LoginAttempts.failed_at)]
    old = (
        sa.select(LoginAttempts.subject)
        .where(newest < clock.now() - KEPT, LoginAttempts.in_row < MOST_IN_ROW)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    gone = sa.delete(LoginAttempts).where(LoginAttempts.subject.in_(old)).returning(LoginAttempts.subject)
    return len(db.session.scalars(gone.execution_options(synchronize_session=False)).all())


def _count(subject: bytes, refusal: type[TooManyRequests], way_out: str) -> Counted:
    now = clock.now()
    counted = db.session.execute(_counting(subject, now)).first()
    if counted is None:
        held = db.session.get(LoginAttempts, subject)
        seconds = _seconds_to_wait(held, now)
        is_for_good = held is not None and held.in_row >= MOST_IN_ROW
        way = way_out.capitalize() if is_for_good else f"Wait {seconds} seconds, or {way_out}"
        raise refusal(f"{refusal.title}. {way}.", headers={"Retry-After": str(seconds)})
    return _closing(counted.failed_at, counted.in_row, now)


def _forget(*subjects: bytes) -> None:
    db.session.execute(sa.delete(LoginAttempts).where(LoginAttempts.subject.in_(subjects)))


def _counting(subject: bytes, now: dt.datetime) -> Any:
    """It gives no row for what is closed."""
    times, in_row = LoginAttempts.failed_at, LoginAttempts.in_row
    return (
        postgresql.insert(LoginAttempts)
        .values(subject=subject, failed_at=[now], in_row=1)
        .on_conflict_do_update(
            index_elements=[LoginAttempts.subject],
            set_={"failed_at": WINDOW.with_one_more(times, now), "in_row": in_row + 1},
            where=sa.and_(in_row < MOST_IN_ROW, WINDOW.has_room(times, now)),
        )
        .returning(times, in_row)
    )


def _closing(failed_at: list[dt.datetime], in_row: int, now: dt.datetime) -> Counted:
    if in_row >= MOST_IN_ROW:
        return {"closed_until": None}
    until = failed_at[0].astimezone(dt.UTC) + WINDOW.within
    is_closed = len(failed_at) == WINDOW.most and until > now
    return {"closed_until": until.isoformat().replace("+00:00", "Z")} if is_closed else {}


def _seconds_to_wait(held: LoginAttempts | None, now: dt.datetime) -> int:
    """Until the oldest of the last ten does not count any more; where no wait helps, the longest one."""
    if held is None or held.in_row >= MOST_IN_ROW:
        return int(WINDOW.within.total_seconds())
    return WINDOW.seconds_to_wait(held.failed_at[0], now)


def _of_address(email: str) -> bytes:
    return fingerprint(fold(email), "login attempts")


def _of_codes(user_id: uuid.UUID) -> bytes:
    return fingerprint(str(user_id), "codes")


def _of_user(user_id: uuid.UUID) -> bytes:
    return fingerprint(str(user_id), "own attempts")
