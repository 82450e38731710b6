"""`/v1/organization`: the seller that the credential belongs to."""

from collections.abc import Callable
from typing import Any

from billing_api.organizations import service
from billing_api.organizations.models import Organization
from billing_api.organizations.schemas import CloseInput, OrganizationInput, OrganizationOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.preconditions import expected_version

blueprint = Blueprint(
    "organization", __name__, url_prefix="/v1/organization", description="The seller: its name, address, tax and terms."
)


@blueprint.route("")
@requires("organization:read")
@blueprint.response(200, OrganizationOutput())
def read() -> Organization:
    """Read the organization

    The one that the credential belongs to; there is no way to another.
    """
    return service.current()


@blueprint.route("", methods=["PATCH"])
@requires("organization:write")
@blueprint.edits(OrganizationInput())
@blueprint.response(200, OrganizationOutput())
def update(change: Callable[[Organization], dict[str, Any]]) -> Organization:
    """Change the organization

    Issued documents keep the seller as it was when they were issued.
    """
    return service.edit(change, expected_version())


@blueprint.route("/close", methods=["POST"])
@requires("owners:write", matches=True)
@blueprint.arguments(CloseInput())
@blueprint.response(200, OrganizationOutput())
def close(body: dict[str, Any]) -> Organization:
    """Close the organization

    At once and for everybody: access and refresh tokens, keys and logins are refused from now on, also those of whoever
    closes it, and nothing more is recorded. All data stay for as long as the law wants them. Only the operator of the
    service can open it again.
    """
    return service.close(body["name"], expected_version())
