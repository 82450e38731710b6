"""Taking mails out of the outbox: each is claimed, sent, and settled, with no network inside a transaction."""

import uuid
from collections.abc import Callable

import structlog

from billing_api.database import enter, transaction
from billing_api.fault_points import reach
from billing_api.mail import service as mail
from billing_api.mail.service import Letter
from billing_api.smtp import NotSent, Refused, Send, ServerAway
from billing_api.web.observation import place

AT_ONCE = 50

log = structlog.get_logger()


def deliver(send: Send, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Send the mails that are due, of all tenants, until `goes_on` says no; how many were tried.

    Where the server cannot be had, the rest waits for the next round.
    """
    tried = 0
    with transaction(read_only=True):
        found = mail.due(AT_ONCE)
    for organization_id, id in found:
        if not goes_on():
            break
        letter = _claim(organization_id, id)
        if letter is None:
            continue
        tried += 1
        if not _attempt(letter, send):
            break
    return tried


def _claim(organization_id: uuid.UUID, id: uuid.UUID) -> Letter | None:
    with transaction():
        enter(organization_id)
        return mail.claim(id)


def _attempt(letter: Letter, send: Send) -> bool:
    """Send a claimed mail and note what became of it; whether the server would have taken it."""
    about = {
        "mail_id": letter.id,
        "organization_id": letter.organization_id,
        "kind": letter.kind,
        "attempt": letter.attempt,
    }
    if failure := _failure(letter, send):
        is_over = _settle_failure(letter, failure)
        log.warning("mail given up" if is_over else "mail put off", **about, error=failure.code)
        return not isinstance(failure, ServerAway)
    reach("in_outbox")
    with transaction():
        enter(letter.organization_id)
        mail.mark_sent(letter)
    log.info("mail sent", **about)
    return True


def _failure(letter: Letter, send: Send) -> NotSent | None:
    """Send it, and say what kept it from going out."""
    try:
        send(letter)
    except NotSent as error:
        return error
    except Exception as error:
        # A fault of the program, over one mail, must not keep those behind it.
        log.error("mail failed", mail_id=letter.id, exception=type(error).__name__, at=place(error.__traceback__))
        return NotSent("unexpected")
    return None


def _settle_failure(letter: Letter, error: NotSent) -> bool:
    with transaction():
        enter(letter.organization_id)
        if isinstance(error, Refused):
            mail.give_up(letter, error.code)
            return True
        return mail.put_off(letter, error.code)
