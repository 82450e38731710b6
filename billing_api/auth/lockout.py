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


class TooManyAttempts(TooManyRequests):
    """Too many attempts to log in with this address have failed; it is the same whether somebody has the address or
    not. Wait for as long as `Retry-After` says. After a hundred failures in a row only a new password opens the address
    again. Sessions that are open go on: who is logged in has attempts of their own. Wrong codes of an authenticator are
    counted besides, and no new password forgets those: a recovery code is looked at all the same."""

    code = "too-many-attempts"
    title = "Too many failed attempts"


Counted = dict[str, str | None]
"""What is to be noted of an attempt if it fails: where that closes the address `closed_until`, which is None where only
a new password opens it again."""


def count(email: str) -> Counted:
    """Count an attempt at an address as failed, before its secret is looked at; who succeeds is to `forget` it.

    It holds the row to the end of the unit of work, which is to be committed before the hash: guesses must not wait for
    each other, and a refusal that comes after must not undo it.

    Raises:
        TooManyAttempts: this one is not to be looked at; it was not counted.
    """
    return _count(_of_address(email), "set a new password by mail")


def count_codes(user_id: uuid.UUID) -> Counted:
    """The same for the codes of a user's authenticator. A new password opens their address again, and not this: the
    second factor is there for when somebody else reads their mails. Raises TooManyAttempts."""
    return _count(_of_codes(user_id), "send a recovery code")


def count_own(user_id: uuid.UUID) -> None:
    """The same for a user who is logged in and is asked for a secret once more; it is nothing to do with their
    address, at which anybody may guess. Raises TooManyAttempts."""
    _count(_of_user(user_id), "set a new password by mail")


def forget(email: str) -> None:
    """The attempts at this address are of no account any more, because a secret was right."""
    _forget(_of_address(email))


def forget_codes(user_id: uuid.UUID) -> None:
    """The same for codes of the user's authenticator: one was right, or the second factor is gone."""
    _forget(_of_codes(user_id))


def forget_own(user_id: uuid.UUID) -> None:
    """The same for the attempts of a user who is logged in."""
    _forget(_of_user(user_id))


def forget_all(email: str, user_id: uuid.UUID) -> None:
    """Both of them: the password is a new one, or the user is gone."""
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


def _count(subject: bytes, way_out: str) -> Counted:
    now = clock.now()
    counted = db.session.execute(_counting(subject, now)).first()
    if counted is None:
        held = db.session.get(LoginAttempts, subject)
        seconds = _seconds_to_wait(held, now)
        detail = f"Too many attempts have failed. Wait {seconds} seconds, or {way_out}."
        raise TooManyAttempts(detail, headers={"Retry-After": str(seconds)})
    return _closing(counted.failed_at, counted.in_row, now)


def _forget(*subjects: bytes) -> None:
    db.session.execute(sa.delete(LoginAttempts).where(LoginAttempts.subject.in_(subjects)))


def _counting(subject: bytes, now: dt.datetime) -> Any:
    """It gives no row for an address that is closed."""
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
