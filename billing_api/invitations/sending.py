"""Mailing an invitation, and not without end: whoever may invite must not be able to flood strangers with mails."""

import datetime as dt
import math

from billing_api import clock
from billing_api.errors import TooManyRequests
from billing_api.invitations import letters
from billing_api.invitations.models import Invitation
from billing_api.mail import service as mail
from billing_api.organizations import service as organizations

KIND = "invitation"
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
MOST_A_DAY = 100
MOST_AN_HOUR_TO_ONE = 3


class TooManyInvitations(TooManyRequests):
    """An organization mails at most a hundred invitations in 24 hours, and three in an hour to the same e-mail address.
    Wait for as long as `Retry-After` says; those that were sent hold on, and nothing was changed."""

    code = "too-many-invitations"
    title = "Too many invitations were sent"


def send(invitation: Invitation, token: str, front_end: str | None, *, has_account: bool) -> None:
    """Post the mail that carries the token. Raises TooManyInvitations."""
    _refuse_flood(invitation.email)
    subject, text = letters.written(
        organizations.current().name, invitation.role, invitation.expires_at, token, front_end, has_account=has_account
    )
    mail.post(KIND, invitation.email, subject, text)


def _refuse_flood(email: str) -> None:
    now = clock.now()
    posted = mail.posted(KIND, email, now - DAY)
    of_all = [at for at, _ in posted]
    to_them = [at for at, is_theirs in posted if is_theirs and at > now - HOUR]
    for times, most, within in ((of_all, MOST_A_DAY, DAY), (to_them, MOST_AN_HOUR_TO_ONE, HOUR)):
        if len(times) >= most:
            seconds = max(1, math.ceil((times[-most] + within - now).total_seconds()))
            detail = f"{most} were sent within {within // HOUR} h. Wait {seconds} seconds."
            raise TooManyInvitations(detail, headers={"Retry-After": str(seconds)})
