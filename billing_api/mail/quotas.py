"""How many mails may go out in a time.

Whom they go to is counted across all organizations, and kept as a fingerprint, which names nobody without the secret
key.
"""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from billing_api import clock
from billing_api.database import db
from billing_api.mail.models import MailQuota
from billing_api.sliding_window import SlidingWindow

LONGEST = dt.timedelta(days=1)
"""Nothing is counted for longer."""


def take(subject: bytes, window: SlidingWindow) -> int:
    """Count one more of what this fingerprint stands for; its row is held to the end of the unit of work.

    Returns:
        0, or, where there is no room in the window (of 100 at most, and not longer than `LONGEST`), so many seconds to
        wait, and nothing was counted.
    """
    now, times = clock.now(), MailQuota.taken_at
    counted = (
        postgresql.insert(MailQuota)
        .values(subject=subject, taken_at=[now])
        .on_conflict_do_update(
            index_elements=[MailQuota.subject],
            set_={"taken_at": window.with_one_more(times, now)},
            where=window.has_room(times, now),
        )
        .returning(MailQuota.subject)
    )
    if db.session.execute(counted).first() is not None:
        return 0
    oldest: dt.datetime = db.session.scalars(sa.select(times[1]).where(MailQuota.subject == subject)).one()
    return window.seconds_to_wait(oldest, now)


def forget_old(at_most: int) -> int:
    """Delete what does not count any more; how many rows, `at_most` so many at once. Those that are held are left."""
    newest = MailQuota.taken_at[sa.func.cardinality(MailQuota.taken_at)]
    old = sa.select(MailQuota.subject).where(newest < clock.now() - LONGEST).limit(at_most)
    gone = sa.delete(MailQuota).where(MailQuota.subject.in_(old.with_for_update(skip_locked=True)))
    returned = gone.returning(MailQuota.subject).execution_options(synchronize_session=False)
    return len(db.session.scalars(returned).all())
