"""`/v1/api-keys`."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from flask import g

from billing_api.api_keys import service
from billing_api.api_keys.models import ApiKey
from billing_api.api_keys.schemas import ApiKeyEdit, ApiKeyFilter, ApiKeyInput, ApiKeyOutput, NewApiKeyOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.credentials import on_api_key
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version

blueprint = Blueprint("api-keys", __name__, url_prefix="/v1/api-keys", description="Credentials of other services.")

SORT_KEYS = {"created_at": SortKey(ApiKey.created_at, dt.datetime.fromisoformat)}

on_api_key(service.principal_of)


@blueprint.route("")
@requires("api_keys:read")
@blueprint.arguments(ApiKeyFilter(), location="query")
@blueprint.response(200, page_of(ApiKeyOutput(), "ApiKeyPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List API keys

    Those that were revoked are left out unless `revoked` is `true` or `any`.
    """
    return paginate(service.search, filters, SORT_KEYS)


@blueprint.route("", methods=["POST"])
@requires("api_keys:write", shows_once=("secret",))
@blueprint.arguments(ApiKeyInput())
@blueprint.response(201, NewApiKeyOutput())
def create(values: dict[str, Any]) -> ApiKey:
    """Create an API key

    `secret` is shown this once: send it as `X-API-Key`, or exchange it for tokens at `/v1/auth/token` with the `id` of
    the key as client. Its scopes are some of your own, and they never change: for others, make another key.
    """
    return service.create(values, g.principal)


@blueprint.route("/<uuid:key_id>")
@requires("api_keys:read")
@blueprint.response(200, ApiKeyOutput())
def read(key_id: uuid.UUID) -> ApiKey:
    """Read an API key

    Revoked ones too.
    """
    return service.read(key_id)


@blueprint.route("/<uuid:key_id>", methods=["PATCH"])
@requires("api_keys:write")
@blueprint.edits(ApiKeyEdit())
@blueprint.response(200, ApiKeyOutput())
def update(change: Callable[[ApiKey], dict[str, Any]], key_id: uuid.UUID) -> ApiKey:
    """Rename an API key

    What it may do, and until when, stays as it was given.
    """
    return service.rename(key_id, change, expected_version())


@blueprint.route("/<uuid:key_id>", methods=["DELETE"])
@requires("api_keys:write")
@blueprint.response(204)
def revoke(key_id: uuid.UUID) -> None:
    """Revoke an API key

    It is refused from the next request on, and so is every token that it was exchanged for; invitations that it sent
    are taken back. It stays in the list with `revoked=any`. Keys that it has made, which name it in `created_by_id`, go
    on.
    """
    service.revoke(key_id, expected_version())
