"""How a mail leaves the house: by SMTP. Where no server is named it goes into the log, in production nowhere."""

import contextlib
import logging
import smtplib
import ssl
from collections.abc import Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from billing_api import clock
from billing_api.domain.emails import ascii_domain
from billing_api.mail.service import Letter

TIMEOUT_SECONDS = 15.0
"""For each step of the conversation; all together take less than the lease of a mail."""
SUBMISSION, SUBMISSION_TLS = 587, 465
"""The ports of RFC 8314 where the address names none."""

_shown = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
"""It writes whatever BILLING_LOG_LEVEL says: what is shown of a mail is all that is left of it."""

Send = Callable[[Letter], None]


class NotSent(Exception):
    """It did not go out now, and may later; `code` says why, in a word that quotes nobody."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ServerAway(NotSent):
    """The server was not reached, or does not take mails from us: another mail would fare no better."""


class Refused(NotSent):
    """The server refuses this mail for good."""


def sender(config: dict[str, Any]) -> Send:
    """The way out that the settings ask for."""
    if config["BILLING_SMTP_URL"]:
        return partial(_by_smtp, config["BILLING_SMTP_URL"], config["BILLING_MAIL_FROM"])
    return _nowhere if config["BILLING_ENV"] == "production" else _into_log


def compose(letter: Letter, mail_from: str) -> EmailMessage:
    """The mail as it goes out. Its Message-ID is the same at each attempt, so that a mailbox shows it once.

    Raises:
        ValueError: a header would have a line end in it.
    """
    name, address = parseaddr(mail_from)
    username, _, domain = address.rpartition("@")
    to, _, to_domain = letter.recipient.rpartition("@")
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(name, username, domain)
    # Only a name before the @ in another script needs a server that knows SMTPUTF8.
    message["To"] = Address("", to, ascii_domain(to_domain))
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{letter.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    # In plain ASCII and short lines it passes every server, whatever it does not know.
    message.set_content(letter.text, cte="quoted-printable")
    return message


def _by_smtp(url: str, mail_from: str, letter: Letter) -> None:
    """Send it. Raises NotSent, ServerAway, Refused."""
    try:
        message = compose(letter, mail_from)
    except (ValueError, UnicodeError):
        raise Refused("malformed") from None
    server = _connected(url, helo=parseaddr(mail_from)[1].rpartition("@")[2])
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        raise _refusal(*(code for code, _ in error.recipients.values())) from None
    except smtplib.SMTPSenderRefused as error:
        raise ServerAway(f"smtp-{error.smtp_code}") from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code) from None
    except smtplib.SMTPNotSupportedError:
        raise Refused("smtputf8-unsupported") from None
    except (smtplib.SMTPException, OSError):
        raise ServerAway("unreachable") from None
    finally:
        # What is said here changes nothing: the server took the mail, or did not, before.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()


def _connected(url: str, helo: str) -> smtplib.SMTP:
    """A conversation with the server, in TLS if it knows that, and always before a password is told."""
    parts = urlsplit(url)
    host, context = parts.hostname or "", ssl.create_default_context()
    server: smtplib.SMTP | None = None
    try:
        if parts.scheme == "smtps":
            port = parts.port or SUBMISSION_TLS
            server = smtplib.SMTP_SSL(host, port, helo, timeout=TIMEOUT_SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or SUBMISSION, helo, timeout=TIMEOUT_SECONDS)
            server.ehlo_or_helo_if_needed()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif parts.username:
                raise ServerAway("no-tls")
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except (smtplib.SMTPException, OSError, ServerAway) as error:
        if server is not None:
            server.close()
        raise _trouble(error) from None
    return server


def _trouble(error: Exception) -> ServerAway:
    if isinstance(error, ServerAway):
        return error
    if isinstance(error, smtplib.SMTPResponseException):
        return ServerAway(f"smtp-{error.smtp_code}")
    return ServerAway("untrusted-certificate" if isinstance(error, ssl.SSLError) else "unreachable")


def _refusal(*codes: int) -> NotSent:
    """What the server's answer to this mail means (RFC 5321, 4.2.1): 5 is for good, anything else for now."""
    code = codes[0] if codes else 0
    return Refused(f"smtp-{code}") if 500 <= code < 600 else NotSent(f"smtp-{code}")


def _into_log(letter: Letter) -> None:
    """Tell the developer what would be sent, secrets and all; never in production."""
    _shown.info(
        "mail",
        mail_id=letter.id,
        organization_id=letter.organization_id,
        kind=letter.kind,
        recipient=letter.recipient,
        subject=letter.subject,
        text=letter.text,
    )


def _nowhere(_: Letter) -> None:
    raise ServerAway("no-server")
