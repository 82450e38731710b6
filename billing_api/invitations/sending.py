"""Mailing an invitation, and not without end: whoever may invite must not be able to flood strangers with mails."""

import datetime as dt

from billing_api.domain.emails import fold
from billing_api.errors import TooManyRequests
from billing_api.invitations import letters
from billing_api.invitations.models import Invitation
from billing_api.mail import quotas
from billing_api.mail import service as mail
from billing_api.organizations import service as organizations
from billing_api.sealing import fingerprint
from billing_api.sliding_window import SlidingWindow
from billing_api.unit_of_work import unit

HOUR = dt.timedelta(hours=1)
OF_AN_ORGANIZATION = SlidingWindow(100, 24 * HOUR)
TO_AN_ADDRESS = SlidingWindow(3, HOUR)


class TooManyInvitations(TooManyRequests):
    """An organization mails at most a hundred invitations in 24 hours, and three in an hour go to the same e-mail
    address, whoever sends them. Wait for as long as `Retry-After` says; those that were sent hold on, and nothing was
    changed."""

    code = "too-many-invitations"
    title = "Too many invitations were sent"


def send(invitation: Invitation, token: str, front_end: str | None, *, has_account: bool) -> None:
    """Post the mail that carries the token. Raises TooManyInvitations."""
    _count(invitation.email)
    subject, text = letters.written(
        organizations.current().name, invitation.role, invitation.expires_at, token, front_end, has_account=has_account
    )
    mail.post("invitation", invitation.email, subject, text)


def _count(email: str) -> None:
    # The organization first, always: two who invite never wait for each other in a ring.
    for subject, window in (
        (fingerprint(str(unit().tenant), "invitations of an organization"), OF_AN_ORGANIZATION),
        (fingerprint(fold(email), "invitations to an address"), TO_AN_ADDRESS),
    ):
        if seconds := quotas.take(subject, window):
            detail = f"{window.most} were sent within {window.within // HOUR} h. Wait {seconds} seconds."
            raise TooManyInvitations(detail, headers={"Retry-After": str(seconds)})
