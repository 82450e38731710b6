"""Mails go out once, through a real server, and again after whatever went wrong."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from billing_api.delivery import deliver
from billing_api.mail import service as outbox
from billing_api.mail.service import Letter
from tests import sharing
from tests.factories import Tenant, sign_up
from tests.mail.conftest import Mailbox, delivered, row, through
from tests.mail.test_outbox import moved
from tests.service_processes import free_port

tenant = sharing.tenant


class Killed(BaseException):
    """The worker is no more."""


def test_a_mail_is_sent_once_with_all_that_it_says(app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox) -> None:
    text = f"Grüße,\n\nhttps://billing.example.com/?token={'x' * 90}=\n.\nEnde\n"
    id = tenant.mail(text, recipient="ada@example.com", subject="Einladung zu Müller & Söhne")
    assert delivered(app, mailbox.send) == 1
    assert delivered(app, mailbox.send) == 0
    (message,) = mailbox.to("ada@example.com")
    assert message.get_content().splitlines() == text.splitlines()
    assert (message["Subject"], message["From"]) == ("Einladung zu Müller & Söhne", "Billing <billing@example.com>")
    assert (message["Message-ID"], message["Auto-Submitted"]) == (f"<{id}@example.com>", "auto-generated")
    assert (mailbox.envelopes[0].mail_from, mailbox.envelopes[0].rcpt_tos) == (
        "billing@example.com",
        ["ada@example.com"],
    )


@pytest.mark.parametrize(
    ("recipient", "envelope"),
    [("ada@müller.example", "ada@xn--mller-kva.example"), ("jürgen@example.com", "jürgen@example.com")],
)
def test_addresses_in_any_script_are_written_to(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox, recipient: str, envelope: str
) -> None:
    tenant.mail(recipient=recipient)
    delivered(app, mailbox.send)
    assert [one.rcpt_tos for one in mailbox.envelopes] == [[envelope]]


def test_a_subject_with_line_ends_makes_no_header(app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox) -> None:
    tenant.mail(recipient="one@example.com", subject="Join\r\nBcc: thief@example.com\r\n\r\nbody\u2028more\0\tend")
    delivered(app, mailbox.send)
    (message,) = mailbox.to("one@example.com")
    assert message["Subject"] == "Join Bcc: thief@example.com body more end"
    assert message["Bcc"] is None
    assert mailbox.envelopes[0].rcpt_tos == ["one@example.com"]
    assert message.get_content().splitlines() == ["a text"]


@pytest.mark.parametrize("guarded", ["recipient", "subject"])
def test_behind_the_outbox_a_second_guard_refuses_line_ends(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, guarded: str
) -> None:
    """The guard of the outbox is taken out: what it would have refused is given up, and nothing is sent."""
    words = {"recipient": "a@example.com", "subject": "A", "text": "", guarded: "a@example.com\r\nBcc: b@example.com"}
    monkeypatch.setattr(outbox, "unseal", lambda *_: json.dumps(words))
    id = tenant.mail()
    delivered(app, mailbox.send)
    assert mailbox.taken == []
    assert row(owner, id)["last_error"] == "malformed"


def test_a_refusal_for_good_ends_it_and_one_for_now_does_not(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox.answers = {"gone@example.com": ["550 No such canary"], "busy@example.com": ["451 Later, canary"]}
    gone = tenant.mail("canary", recipient="gone@example.com")
    busy = tenant.mail("canary", recipient="busy@example.com")
    assert delivered(app, mailbox.send) == 2
    ended, waits = row(owner, gone), row(owner, busy)
    assert (ended["letter"], ended["last_error"]) == (None, "smtp-550")
    assert (ended["abandoned_at"] is None, waits["abandoned_at"], waits["last_error"]) == (False, None, "smtp-451")
    assert delivered(app, mailbox.send) == 0
    moved(owner, busy)
    assert delivered(app, mailbox.send) == 1
    assert (row(owner, busy)["attempts"], len(mailbox.to("busy@example.com"))) == (2, 1)
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in printed.splitlines() if '"event":"mail' in line]
    assert [line["event"] for line in lines] == ["mail given up", "mail put off", "mail sent"]
    told = {"event", "level", "timestamp", "mail_id", "organization_id", "kind", "attempt"}
    assert lines[2].keys() - {"request_id", "trace_id"} == told
    assert not any(word in printed for word in ("canary", "gone@", "busy@"))


def test_while_the_server_is_away_mails_wait(app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox) -> None:
    ids = [tenant.mail(recipient="patient@example.com") for _ in range(3)]
    assert delivered(app, through(f"smtp://127.0.0.1:{free_port()}")) == 1, "the others would fare no better"
    assert [row(owner, id)["last_error"] for id in ids] == ["unreachable", None, None]
    moved(owner, ids[0])
    assert delivered(app, mailbox.send) == 3
    assert len(mailbox.to("patient@example.com")) == 3


def test_two_workers_at_once_send_each_mail_once(app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox) -> None:
    ids = {f"<{tenant.mail()}@example.com>" for _ in range(20)}
    barrier = threading.Barrier(4)

    def work(_: int) -> None:
        with app.app_context():
            barrier.wait()
            while deliver(mailbox.send):
                continue

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(mailbox.taken) == 20
    assert {str(one["Message-ID"]) for one in mailbox.taken} == ids


def test_without_a_lease_two_workers_send_the_same_mail(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flaw is planted: a claim puts nothing off, so that another worker finds the mail while it is being sent."""
    monkeypatch.setattr(outbox, "LEASE", outbox.LEASE * 0)
    tenant.mail()
    inner = mailbox.send

    def send(letter: Letter) -> None:
        if letter.attempt == 1:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(delivered, app, inner).result()
        inner(letter)

    delivered(app, send)
    assert len(mailbox.taken) == 2


def test_a_worker_that_dies_between_sending_and_noting_it_sends_again_under_the_same_message_id(
    app: Flask, tenant: Tenant, owner: Any, mailbox: Mailbox
) -> None:
    id = tenant.mail()

    def send(letter: Letter) -> None:
        mailbox.send(letter)
        raise Killed

    with pytest.raises(Killed):
        delivered(app, send)
    assert delivered(app, mailbox.send) == 0, "nobody knows that the worker died until its lease is over"
    moved(owner, id)
    assert delivered(app, mailbox.send) == 1
    assert [str(one["Message-ID"]) for one in mailbox.taken] == [f"<{id}@example.com>"] * 2


def test_in_development_the_log_tells_all_and_in_production_nobody_does(
    app: Flask, tenant: Tenant, owner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = tenant.mail("canary")
    assert delivered(app, through(None, "production")) == 1
    assert "canary" not in (printed := capsys.readouterr().out)
    assert '"error":"no-server"' in printed
    assert row(owner, waits)["letter"] is not None
    moved(owner, waits)
    assert delivered(app, through(None, "development")) == 1
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"event":"mail"' in line]
    assert (line["text"], line["kind"], line["mail_id"]) == ("canary", "test", str(waits))
    assert row(owner, waits)["letter"] is None


def test_a_worker_that_is_told_to_stop_begins_no_other_mail(app: Flask, tenant: Tenant, owner: Any) -> None:
    for _ in range(3):
        tenant.mail()
    with app.app_context():
        sent: list[Letter] = []
        assert deliver(sent.append, lambda: len(sent) < 2) == 2
    assert len(sent) == 2


def test_a_fault_over_one_mail_keeps_no_other(
    app: Flask, tenant: Tenant, owner: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, good = tenant.mail("canary"), tenant.mail()

    def send(letter: Letter) -> None:
        if letter.id == broken:
            raise LookupError(letter.text)

    assert delivered(app, send) == 2
    assert (row(owner, broken)["last_error"], row(owner, good)["letter"]) == ("unexpected", None)
    assert "canary" not in capsys.readouterr().out


def test_no_transaction_is_open_while_a_mail_is_sent(app: Flask, tenant: Tenant, owner: Any) -> None:
    tenant.mail()
    open_now: list[int] = []

    def send(_: Letter) -> None:
        owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        )
        open_now.append(owner.fetchone()[0])

    delivered(app, send)
    assert open_now == [0]


def test_a_closed_organization_sends_nothing_more(app: Flask, owner: Any, mailbox: Mailbox) -> None:
    leaving = sign_up(app)
    id = leaving.mail(recipient="late@example.com")
    assert leaving.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    delivered(app, mailbox.send)
    assert mailbox.to("late@example.com") == []
    left = row(owner, id)
    assert (left["letter"], left["last_error"]) == (None, "organization-closed")
