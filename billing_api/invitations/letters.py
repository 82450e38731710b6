"""The mail that invites somebody."""

import datetime as dt

from billing_api.mail import wording
from billing_api.mail.service import one_line


def written(
    organization: str, role: str, expires_at: dt.datetime, token: str, front_end: str | None, *, has_account: bool
) -> tuple[str, str]:
    """Its subject and its text; without the token for somebody who has an account, to whom it is of no use."""
    name = one_line(organization)
    subject, greeting = f"Invitation to {name}", f"You are invited to work in {name}, as {role}."
    ignore = "If you know nothing of this, do nothing."
    if has_account:
        obstacle = (
            "There is an account with this address already, and an account belongs to one organization. Ask to be "
            "invited with another address."
        )
        return subject, wording.paragraphs(greeting, obstacle, ignore)
    call = "/v1/auth/accept-invitation"
    way = wording.way(front_end, "accept-invitation", token, call, '"name": "...", "password": "..."')
    until = f"This works once, until {expires_at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC."
    return subject, wording.paragraphs(greeting, f"To accept, {way}", until, ignore)
