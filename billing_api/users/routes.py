"""`/v1/users`."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from flask import g

from billing_api.users import service
from billing_api.users.schemas import MemberEdit, MemberFilter, MemberOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version

blueprint = Blueprint("users", __name__, url_prefix="/v1/users", description="The people of the organization.")

SORT_KEYS = {"created_at": SortKey(service.SORTED_BY, dt.datetime.fromisoformat)}


@blueprint.route("")
@requires("users:read")
@blueprint.arguments(MemberFilter(), location="query")
@blueprint.response(200, page_of(MemberOutput(), "MemberPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List the people

    Everybody who can log in, and who could before they were disabled. New ones come in by invitation.
    """
    return paginate(service.search, filters, SORT_KEYS)


@blueprint.route("/<uuid:user_id>")
@requires("users:read")
@blueprint.response(200, MemberOutput())
def read(user_id: uuid.UUID) -> Any:
    """Read a person

    Disabled ones too.
    """
    return service.read(user_id)


@blueprint.route("/<uuid:user_id>", methods=["PATCH"])
@requires("users:write")
@blueprint.edits(MemberEdit())
@blueprint.response(200, MemberOutput())
def update(change: Callable[[Any], dict[str, Any]], user_id: uuid.UUID) -> Any:
    """Change a person

    Their name, their role, or whether they may come in. It holds from their next request on; whoever is disabled is
    logged out everywhere, and logs in anew when they are made active again. Keys that they made and that reach over
    people or keys further than they do from now on are revoked. Nobody gives or takes a role that is beyond
    their own, and one active owner always stays (409 `last-owner`).
    """
    return service.edit(user_id, change, g.principal, expected_version())


@blueprint.route("/<uuid:user_id>", methods=["DELETE"])
@requires("users:write")
@blueprint.response(204)
def delete(user_id: uuid.UUID) -> None:
    """Remove a person

    With their sessions and all that is kept of them; their address is free again. What they did stays, under their id,
    and so do API keys that they made, which are the organization's; but for those that reach over people or keys, which
    are revoked.
    One active owner always stays (409 `last-owner`).
    """
    service.remove(user_id, g.principal, expected_version())


@blueprint.route("/<uuid:user_id>/second-factor", methods=["DELETE"])
@requires("users:write", refusals=(403,))
@blueprint.response(204)
def remove_second_factor(user_id: uuid.UUID) -> None:
    """Remove a person's second factor

    Where they have lost it, with their recovery codes. They are logged out everywhere, and their password alone lets
    them in again; where the organization demands a second factor, they take up another one first. Nobody does this to
    themselves (409 `own-second-factor`), and no API key does it.
    """
    service.remove_second_factor(user_id, g.principal, expected_version())
