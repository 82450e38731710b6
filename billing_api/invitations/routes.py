"""`/v1/invitations`."""

import datetime as dt
import uuid
from typing import Any

from flask import current_app, g

from billing_api.invitations import service
from billing_api.invitations.models import Invitation
from billing_api.invitations.schemas import InvitationFilter, InvitationInput, InvitationOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version

blueprint = Blueprint("invitations", __name__, url_prefix="/v1/invitations", description="How people come in.")

SORT_KEYS = {"created_at": SortKey(Invitation.created_at, dt.datetime.fromisoformat)}


@blueprint.route("")
@requires("users:read")
@blueprint.arguments(InvitationFilter(), location="query")
@blueprint.response(200, page_of(InvitationOutput(), "InvitationPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List invitations

    Those of the last weeks; they go a month after they have expired.
    """
    return paginate(service.search, filters, SORT_KEYS)


@blueprint.route("", methods=["POST"])
@requires("users:write")
@blueprint.arguments(InvitationInput())
@blueprint.response(201, InvitationOutput())
def create(values: dict[str, Any]) -> Invitation:
    """Invite somebody

    A mail to the address carries a token, which works once, within seven days; nobody else is told it. You can give
    roles up to your own.
    """
    return service.create(values, g.principal, current_app.config["BILLING_APP_URL"])


@blueprint.route("/<uuid:invitation_id>")
@requires("users:read")
@blueprint.response(200, InvitationOutput())
def read(invitation_id: uuid.UUID) -> Invitation:
    """Read an invitation

    Its token is in the mail alone.
    """
    return service.read(invitation_id)


@blueprint.route("/<uuid:invitation_id>", methods=["DELETE"])
@requires("users:write")
@blueprint.response(204)
def revoke(invitation_id: uuid.UUID) -> None:
    """Take an invitation back

    Its token is refused from now on. One that was accepted cannot be taken back: remove the person.
    """
    service.revoke(invitation_id, g.principal, expected_version())


@blueprint.route("/<uuid:invitation_id>/resend", methods=["POST"])
@requires("users:write")
@blueprint.response(200, InvitationOutput())
def resend(invitation_id: uuid.UUID) -> Invitation:
    """Send an invitation again

    With a new token, which holds for seven days from now; the old one is refused. An expired one lives again.
    """
    return service.resend(invitation_id, g.principal, current_app.config["BILLING_APP_URL"], expected_version())
