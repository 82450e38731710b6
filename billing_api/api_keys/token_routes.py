"""`/v1/auth/token`: an API key as OAuth 2 client (RFC 6749, section 4.4)."""

from typing import Any

from flask import current_app

from billing_api.api_keys import service
from billing_api.api_keys.schemas import TokenInput, TokenOutput
from billing_api.web import tokens
from billing_api.web.api import Blueprint
from billing_api.web.auth import public
from billing_api.web.oauth import InvalidClient, InvalidScope, UnsupportedGrantType, client_of, speaks_oauth

blueprint = Blueprint("oauth", __name__, url_prefix="/v1/auth", description="Tokens for other services.")


@blueprint.route("/token", methods=["POST"])
@public(401)
@speaks_oauth
@blueprint.arguments(TokenInput(), location="form")
@blueprint.response(200, TokenOutput())
def issue(values: dict[str, Any]) -> Any:
    """Exchange an API key for a token

    OAuth 2 client credentials: the client is the `id` of an API key, its secret the key's `secret`, by HTTP Basic or in
    the form. Without `scope` the token has all scopes of the key.
    """
    if values["grant_type"] != "client_credentials":
        raise UnsupportedGrantType()
    known = service.client(*client_of(values))
    if known is None:
        raise InvalidClient()
    client, lifetime = known.principal, known.lifetime_of_token(current_app.config["JWT_ACCESS_TOKEN_EXPIRES"])
    asked = set(values["scope"].split())
    if not asked <= client.scopes:
        raise InvalidScope(asked - client.scopes)
    scope = " ".join(sorted(asked or client.scopes))
    token = {
        "access_token": tokens.mint_for_client(client.organization_id, client.actor_id, scope, lifetime),
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scope": scope,
    }
    # RFC 6749, section 5.1, wants it beside Cache-Control.
    return token, 200, {"Pragma": "no-cache"}
