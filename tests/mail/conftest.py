"""An SMTP server that does as it is told, and the outbox as its owner sees it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask

from billing_api.delivery import deliver
from billing_api.embedded import Addresses
from billing_api.smtp import Send, sender
from tests.schema import connected
from tests.service_processes import free_port

FROM = "Billing <billing@example.com>"


@dataclass
class Mailbox:
    """What the server took, and what it is to say to a recipient instead, one answer after the other."""

    port: int
    answers: dict[str, list[str]] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)
    on_data: Callable[[], object] = lambda: None
    """What happens before the server says that it took the mail."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - its name
        if left := self.answers.get(address):
            return left.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - its name
        self.envelopes.append(envelope)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        self.on_data()
        return "250 OK"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def send(self) -> Send:
        return through(self.url)

    def to(self, recipient: str) -> list[EmailMessage]:
        return [one for one in self.taken if str(one["To"]) == recipient]


def through(url: str | None, env: str = "test") -> Send:
    """The way out that a service with this setting takes."""
    return sender({"BILLING_SMTP_URL": url, "BILLING_MAIL_FROM": FROM, "BILLING_ENV": env})


@contextmanager
def listening(*, is_plain: bool = False, **settings: Any) -> Iterator[Mailbox]:
    """A server on loopback; one that `is_plain` knows addresses in ASCII only."""
    mailbox = Mailbox(free_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, enable_SMTPUTF8=not is_plain, **settings)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with listening() as found:
        yield found


@pytest.fixture
def owner(addresses: Addresses, app: Flask) -> Iterator[Any]:
    """The owner, for whom there is no wall, and an outbox in which nothing waits."""
    with connected(addresses.owner) as cursor:
        cursor.execute("UPDATE mails SET letter = NULL, sent_at = created_at WHERE letter IS NOT NULL")
        yield cursor


def row(owner: Any, id: Any) -> dict[str, Any]:
    owner.execute("SELECT to_jsonb(m) FROM mails m WHERE id = %s", [str(id)])
    found: dict[str, Any] = owner.fetchone()[0]
    return found


def delivered(app: Flask, send: Send) -> int:
    """How many mails one round of a worker tries."""
    with app.app_context():
        return deliver(send)
