"""A mail commits or vanishes with the fact that it tells of, and nothing of it can be read in the database."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from billing_api import clock
from billing_api.database import db, enter, reveal, transaction
from billing_api.mail import service as outbox
from billing_api.mail.models import Mail
from tests import sharing
from tests.factories import Tenant
from tests.mail.conftest import Mailbox, delivered, row

tenant = sharing.tenant


def waiting(owner: Any, tenant: Tenant) -> int:
    owner.execute(
        "SELECT count(*) FROM mails WHERE organization_id = %s AND letter IS NOT NULL", [str(tenant.organization_id)]
    )
    return int(owner.fetchone()[0])


def test_a_mail_vanishes_with_the_fact_that_it_tells_of(app: Flask, tenant: Tenant, owner: Any) -> None:
    def post_and_fail() -> None:
        with transaction():
            enter(tenant.organization_id)
            outbox.post("test", "a@example.com", "Subject", "Text")
            raise ZeroDivisionError

    with app.app_context():
        with pytest.raises(ZeroDivisionError):
            post_and_fail()
        with transaction(dry_run=True):
            enter(tenant.organization_id)
            outbox.post("test", "a@example.com", "Subject", "Text")
    assert waiting(owner, tenant) == 0
    tenant.mail()
    assert waiting(owner, tenant) == 1


def test_nothing_of_it_can_be_read_in_the_database_and_nothing_is_left_once_it_is_sent(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox
) -> None:
    words = {"recipient": "canary-reader@example.com", "subject": "canary-subject", "text": "canary-token"}
    id = tenant.mail(words["text"], recipient=words["recipient"], subject=words["subject"])
    before = str(row(owner, id))
    assert "canary" not in before
    delivered(app, mailbox.send)
    after = row(owner, id)
    assert (after["letter"], after["last_error"], after["attempts"]) == (None, None, 1)
    assert after["sent_at"] is not None
    assert "canary" not in str(after)
    assert [str(one["Subject"]) for one in mailbox.to(words["recipient"])] == [words["subject"]]


def test_an_unsealed_letter_would_be_noticed(
    app: Flask, tenant: Tenant, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "seal", lambda text, purpose: text)
    assert "canary" in str(row(owner, tenant.mail("canary-token")))


@pytest.mark.parametrize(
    "recipient",
    [
        "a@example.com\r\nBcc: b@example.com", "a@example.com\nX: y", "a@example.com, b@example.com", "<a@example.com>",
        "a", "a@b@example.com", "a b@example.com", "a\u2028@example.com", "a@example.com\0",
    ],
)  # fmt: skip
def test_a_recipient_that_is_more_than_an_address_is_refused(app: Flask, tenant: Tenant, recipient: str) -> None:
    with pytest.raises(ValueError, match="no e-mail address"):
        tenant.mail(recipient=recipient)


def test_the_queue_is_seen_by_the_worker_only_and_nobody_changes_it_from_outside(
    app: Flask, tenant: Tenant, other: Tenant, owner: Any
) -> None:
    id = other.mail()
    theirs = sa.select(Mail.id).where(Mail.id == id)
    steal = sa.update(Mail).where(Mail.id == id).values(kind="stolen").execution_options(synchronize_session=False)
    with app.app_context():
        with transaction():
            enter(tenant.organization_id)
            assert db.session.scalars(theirs).all() == []
            reveal("queue", "2000-01-01T00:00:00+00:00")
            assert db.session.scalars(theirs).all() == []
            reveal("queue", "2999-01-01T00:00:00+00:00")
            assert db.session.scalars(theirs).all() == [id]
            assert db.session.scalars(steal.returning(Mail.id)).all() == []
        with transaction():
            enter(tenant.organization_id)
            assert db.session.scalars(theirs).all() == []
            assert outbox.claim(id) is None


def test_a_worker_with_another_key_leaves_the_mail_to_others(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = tenant.mail(recipient="sealed@example.com")
    with monkeypatch.context() as patch:
        patch.setitem(app.config, "SECRET_KEY", "another key of thirty-two bytes or more")
        assert delivered(app, mailbox.send) == 0
    assert row(owner, id)["last_error"] == "unreadable"
    moved(owner, id)
    delivered(app, mailbox.send)
    assert len(mailbox.to("sealed@example.com")) == 1


def test_the_pauses_grow_and_end_after_three_days(
    app: Flask, tenant: Tenant, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, begun = tenant.mail(), clock.now()
    letters, pauses = [], []
    for _ in range(12):
        with app.app_context(), transaction():
            enter(tenant.organization_id)
            letter = outbox.claim(id)
            assert letter is not None
            letters.append(letter)
            assert outbox.claim(id) is None, "it is leased"
            assert not outbox.put_off(letter, "smtp-451")
        pauses.append((dt.datetime.fromisoformat(row(owner, id)["due_at"]) - clock.now()).total_seconds())
        moved(owner, id)
    assert [round(letter.attempt) for letter in letters] == list(range(1, 13))
    for number, pause in enumerate(pauses):
        expected = min(30 * 2**number, 3600)
        assert expected / 2 - 5 <= pause <= expected * 1.5 + 1
    monkeypatch.setattr(clock, "now", lambda: begun + dt.timedelta(days=3, minutes=1))
    with app.app_context(), transaction():
        enter(tenant.organization_id)
        letter = outbox.claim(id)
        assert letter is not None
        assert outbox.put_off(letter, "smtp-451")
    after = row(owner, id)
    assert (after["letter"], after["last_error"], after["sent_at"]) == (None, "smtp-451", None)
    assert after["abandoned_at"] is not None


def test_an_attempt_that_was_overtaken_changes_nothing_but_that_it_was_sent(
    app: Flask, tenant: Tenant, owner: Any
) -> None:
    id = tenant.mail()
    with app.app_context():
        with transaction():
            enter(tenant.organization_id)
            slow = outbox.claim(id)
        moved(owner, id)
        with transaction():
            enter(tenant.organization_id)
            quick = outbox.claim(id)
        assert slow is not None
        assert quick is not None
        due_at = row(owner, id)["due_at"]
        with transaction():
            enter(tenant.organization_id)
            assert not outbox.put_off(slow, "unreachable")
        assert row(owner, id)["due_at"] == due_at
        for letter in (slow, quick):
            with transaction():
                enter(tenant.organization_id)
                outbox.mark_sent(letter)
                assert not outbox.put_off(letter, "unreachable")
                outbox.give_up(letter, "smtp-550")
    after = row(owner, id)
    assert (after["abandoned_at"], after["last_error"]) == (None, None)


def moved(owner: Any, id: Any) -> None:
    """Its pause, or its lease, is over."""
    owner.execute("UPDATE mails SET due_at = created_at WHERE id = %s", [str(id)])
