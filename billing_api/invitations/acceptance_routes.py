"""`/v1/auth/accept-invitation`: from an invitation to a session."""

from typing import Any

from billing_api.auth.schemas import GrantOutput
from billing_api.invitations import service
from billing_api.invitations.schemas import AcceptanceInput
from billing_api.web import grants
from billing_api.web.api import Blueprint
from billing_api.web.auth import public

blueprint = Blueprint("acceptances", __name__, url_prefix="/v1/auth", description="Come in by an invitation.")


@blueprint.route("/accept-invitation", methods=["POST"])
@public(409)
@blueprint.arguments(AcceptanceInput())
@blueprint.response(201, GrantOutput())
def accept(values: dict[str, Any]) -> Any:
    """Accept an invitation

    Makes a user of who was invited, who is logged in at once. The name may be left out where the invitation has one.
    """
    carrier, lifetime = grants.carrier(values["session"]), grants.lifetime()
    grant = service.accept(values["token"], values["name"], values["password"], carrier=carrier, lifetime=lifetime)
    return grants.shown(grant), 201, {"Location": "/v1/me"}
