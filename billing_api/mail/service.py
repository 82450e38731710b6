"""The outbox: mails are posted in the transaction of their fact, and taken out by a worker afterwards.

Nothing is sent inside a transaction. A worker claims a mail in one, sends it, and says in another what became of it. If
it dies between, the mail is due again once its lease is over, and goes out under the same Message-ID.
"""

import datetime as dt
import json
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.database import db, find, reveal
from billing_api.mail.models import Mail
from billing_api.organizations import service as organizations
from billing_api.sealing import BrokenSeal, seal, unseal
from billing_api.unit_of_work import unit

LEASE = dt.timedelta(minutes=5)
"""Longer than any attempt to send takes, so that no other worker begins while one is at it."""
GIVEN_UP_AFTER = dt.timedelta(days=3)
_FIRST_PAUSE, _LONGEST_PAUSE = 30, 3600
"""Seconds."""
_PURPOSE = "mail"
_CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of signs that end a line, or show nothing."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed mail: what is sent, and by which attempt."""

    id: uuid.UUID
    organization_id: uuid.UUID
    kind: str
    attempt: int
    recipient: str
    subject: str
    text: str


def post(kind: str, recipient: str, subject: str, text: str) -> Mail:
    """Put a mail into the outbox; it commits or vanishes with the fact that it tells of.

    `kind` says what it is for, as `password_reset`, and stands in logs. Control characters in the subject, such as
    line ends in a name that it quotes, become blanks.

    Raises:
        ValueError: the recipient is no single address; what users type is refused before.
    """
    mail = Mail(**_row(kind, recipient, subject, text))
    db.session.add(mail)
    db.session.flush()
    return mail


def post_where(condition: sa.ColumnElement[bool], kind: str, recipient: str, subject: str, text: str) -> None:
    """Put a mail into the outbox where the condition holds, with as much work as where it does not: for those who must
    not learn which of both it was."""
    row = {"organization_id": unit().tenant, "attempts": 0, **_row(kind, recipient, subject, text)}
    values = sa.select(*(sa.literal(value, Mail.__table__.c[name].type) for name, value in row.items()))
    statement = sa.insert(Mail).from_select(list(row), values.where(condition), include_defaults=False)
    db.session.execute(statement)


def due(limit: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """The mails whose time has come, of all tenants, the longest due first: organization and id of each, and no more.

    The policy `queued` shows them to whoever says that this is the queue, and nobody else does.
    """
    now = clock.now()
    reveal("queue", now.isoformat())
    query = sa.select(Mail.organization_id, Mail.id).where(_is_waiting(), Mail.due_at <= now)
    return [(row.organization_id, row.id) for row in db.session.execute(query.order_by(Mail.due_at).limit(limit))]


def claim(id: uuid.UUID) -> Letter | None:
    """Take a mail of the entered organization to send it; None where it is not due any more, another worker has it, or
    it must not be sent.

    From now on it is put off for as long as the lease, whatever becomes of us.
    """
    now = clock.now()
    query = sa.select(Mail).where(
        Mail.organization_id == unit().tenant, Mail.id == id, _is_waiting(), Mail.due_at <= now
    )
    mail = db.session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if mail is None or mail.letter is None:
        return None
    if organizations.current().closed_at is not None:
        # Not passed over: mails that wait in vain would stand in front of all others.
        _abandon(mail, "organization-closed")
        return None
    mail.attempts += 1
    mail.due_at = now + LEASE
    try:
        words = json.loads(unseal(mail.letter, _PURPOSE))
    except BrokenSeal:
        # This worker has another secret key than the service. Another worker may have the right one.
        _put_off(mail, "unreadable")
        log.error("mail cannot be read with this BILLING_SECRET_KEY", mail_id=mail.id)
        return None
    return Letter(mail.id, mail.organization_id, mail.kind, mail.attempts, **words)


def mark_sent(letter: Letter) -> None:
    """Note that it is out. Nothing of what it said is kept."""
    mail = find(Mail, letter.id, lock=True)
    if mail.letter is not None:
        mail.letter, mail.sent_at, mail.last_error = None, clock.now(), None


def put_off(letter: Letter, error: str) -> bool:
    """Try again later, each time after about twice the pause; tell whether it was given up instead, being too old."""
    mail = find(Mail, letter.id, lock=True)
    if mail.letter is not None and mail.attempts == letter.attempt:
        _put_off(mail, error)
    return mail.abandoned_at is not None


def give_up(letter: Letter, error: str) -> None:
    """Never try again: it was refused for good."""
    mail = find(Mail, letter.id, lock=True)
    if mail.letter is not None:
        _abandon(mail, error)


def one_line(text: str) -> str:
    """The text without line ends and other control characters, which would begin a header, or a line, of their own."""
    return " ".join("".join(" " if unicodedata.category(sign) in _CONTROLS else sign for sign in text).split())


def _row(kind: str, recipient: str, subject: str, text: str) -> dict[str, Any]:
    if recipient.count("@") != 1 or not recipient.isprintable() or any(sign in recipient for sign in ' ,;:<>"'):
        raise ValueError("the recipient is no e-mail address")
    now = clock.now()
    words = {"recipient": recipient, "subject": one_line(subject), "text": text}
    return {"id": uuid7(), "kind": kind, "letter": seal(json.dumps(words), _PURPOSE), "created_at": now, "due_at": now}


def _put_off(mail: Mail, error: str) -> None:
    now = clock.now()
    if now - mail.created_at >= GIVEN_UP_AFTER:
        _abandon(mail, error)
        return
    pause = min(_FIRST_PAUSE * 2 ** min(mail.attempts - 1, 16), _LONGEST_PAUSE)
    # Spread, so that what failed at one moment does not come back at one moment.
    mail.due_at = now + dt.timedelta(seconds=pause // 2 + secrets.randbelow(pause))
    mail.last_error = error


def _abandon(mail: Mail, error: str) -> None:
    mail.letter, mail.abandoned_at, mail.last_error = None, clock.now(), error


def _is_waiting() -> sa.ColumnElement[bool]:
    return sa.and_(Mail.sent_at.is_(None), Mail.abandoned_at.is_(None))
