"""Access tokens: EdDSA, with a key id, typed `at+jwt` (RFC 9068), verifiable by others with the published keys."""

import base64
import datetime as dt
import uuid
from typing import Any

from cryptography.hazmat.primitives import serialization
from flask import Flask, current_app, g
from flask_jwt_extended import create_access_token
from jwt.exceptions import InvalidKeyError

from billing_api.domain.access import scope_text
from billing_api.extensions import jwt
from billing_api.keys import Keys

AUDIENCE = "billing-api"
CLIENT_ID = "billing-api"
"""The client of tokens that a person's login gives."""


def init_app(app: Flask, keys: Keys, issuer: str) -> None:
    """Let Flask-JWT-Extended sign and verify with these keys, one algorithm, and check issuer and audience."""
    app.config.update(
        JWT_ALGORITHM="EdDSA",
        JWT_DECODE_ALGORITHMS=["EdDSA"],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ENCODE_ISSUER=issuer,
        JWT_DECODE_ISSUER=issuer,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_DECODE_AUDIENCE=AUDIENCE,
        # The library looks at no cookie; ours have a double-submit value of their own (web.cookies).
        JWT_COOKIE_CSRF_PROTECT=False,
    )
    app.extensions["keys"] = keys
    jwt.init_app(app)


def mint(organization_id: uuid.UUID, user_id: uuid.UUID, session_id: uuid.UUID, role: str) -> str:
    """An access token for a user's session, with the scopes of the role."""
    return _minted(organization_id, str(user_id), sid=str(session_id), scope=scope_text(role), client_id=CLIENT_ID)


def mint_for_client(organization_id: uuid.UUID, client_id: uuid.UUID, scope: str, lifetime: dt.timedelta) -> str:
    """An access token for an API key that asked for it as an OAuth 2 client: it speaks for itself."""
    client = str(client_id)
    return _minted(organization_id, client, lifetime, sid=client, scope=scope, client_id=client)


def _minted(organization_id: uuid.UUID, subject: str, lifetime: dt.timedelta | None = None, **claims: str) -> str:
    # Chosen once: another key may begin to sign between the two moments at which the library asks.
    g.signer = _keys().signer
    token: str = create_access_token(
        identity=subject,
        expires_delta=lifetime,
        additional_claims={"org": str(organization_id), **claims},
        additional_headers={"kid": g.signer, "typ": "at+jwt"},
    )
    return token


def key_set() -> dict[str, Any]:
    """The public keys, as RFC 7517 and RFC 8037 write them."""
    raw = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "use": "sig",
                "alg": "EdDSA",
                "kid": kid,
                "x": base64.urlsafe_b64encode(key.public_key().public_bytes(*raw)).rstrip(b"=").decode(),
            }
            for kid, key in sorted(_keys().signing.items())
        ]
    }


def _keys() -> Keys:
    keys: Keys = current_app.extensions["keys"]
    return keys


@jwt.encode_key_loader
def _signing_key(_identity: Any) -> Any:
    return _keys().signing[g.signer]


@jwt.decode_key_loader
def _verifying_key(headers: dict[str, Any], _claims: dict[str, Any]) -> Any:
    kid = headers.get("kid")
    key = _keys().public(kid) if isinstance(kid, str) else None
    if key is None:
        raise InvalidKeyError("unknown key id")
    return key
