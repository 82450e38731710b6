"""Access tokens: EdDSA, with a key id, typed `at+jwt` (RFC 9068), verifiable by others with the published keys."""

import base64
import datetime as dt
import uuid
from functools import lru_cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from flask import Flask, current_app, g
from flask_jwt_extended import create_access_token
from jwt.exceptions import ExpiredSignatureError, InvalidTokenError

from billing_api import clock
from billing_api.domain.access import scope_text
from billing_api.extensions import jwt_manager
from billing_api.keys import KeyRing, Keys

ALGORITHM = "EdDSA"
AUDIENCE = "billing-api"
CLIENT_ID = "billing-api"
"""The client of tokens that a person's login gives."""
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, not a secret
REQUIRED_CLAIMS = frozenset(
    {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "type", "org", "sid", "scope", "client_id"}
)

REMEMBERED = 2048
"""So many tokens, in the memory of each worker."""


class Claims(dict[str, Any]):
    """What a token says, that was verified; nobody changes it."""

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # the same token, and not what says the same

    def __eq__(self, other: object) -> bool:
        return self is other


def init_app(app: Flask, keys: Keys, issuer: str) -> None:
    """Let Flask-JWT-Extended sign with these keys, for this issuer."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_ENCODE_ISSUER=issuer,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        # The library looks at no cookie; ours have a double-submit value of their own (web.cookies).
        JWT_COOKIE_CSRF_PROTECT=False,
    )
    app.extensions["keys"] = keys
    jwt_manager.init_app(app)


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
        additional_headers={"kid": g.signer, "typ": TOKEN_TYPE},
    )
    return token


def verified(token: str) -> Claims:
    """The claims of an access token of ours, all of which are there and of their kinds.

    What a key has signed stays so, and is remembered: that is a seventh of a short request. Whether the keys are still
    ours, and whether the token's time is over, is looked at each time; whether its session was ended, the database says
    with the first statement.

    Raises:
        ExpiredSignatureError: it is ours, but its time is over.
        PyJWTError, ValueError, TypeError: it is none of ours.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy finds it anew each time
    claims = _signed(token, app.extensions["keys"].signing, app.config["JWT_ENCODE_ISSUER"])
    if claims["exp"] <= clock.now().timestamp():
        raise ExpiredSignatureError("its time is over")
    return claims


@lru_cache(maxsize=REMEMBERED)
def _signed(token: str, keys: KeyRing, issuer: str) -> Claims:
    """The claims of an access token that one of these keys has signed for this issuer. What raises is not remembered.

    PyJWT verifies the signature. Flask-JWT-Extended would let it, too, but reads a token three times, fills in a type
    and an id that are missing, and does not look at `typ`.
    """
    key = keys.get(_kid(token))
    if key is None:
        raise InvalidTokenError("unknown key id")
    public = key.public_key()
    decoded = jwt.decode_complete(token, public, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=issuer)
    claims: dict[str, Any] = decoded["payload"]
    if str(decoded["header"].get("typ")).lower() != TOKEN_TYPE or not _is_complete(claims):
        raise InvalidTokenError("not an access token")
    return Claims(claims)


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


def _kid(token: str) -> str:
    """Which key a token names. The library would read all of it for that, letter by letter."""
    encoded = token.partition(".")[0]
    header = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str):
        raise InvalidTokenError("no key id")
    return str(header["kid"])


def _is_complete(claims: dict[str, Any]) -> bool:
    """Whether these are the claims of an access token; the library minds neither a type that it does not know nor a
    number that is a boolean."""
    if not claims.keys() >= REQUIRED_CLAIMS or claims["type"] != "access":
        return False
    numbers = all(type(claims[name]) is int for name in ("iat", "nbf", "exp"))
    # The scope of a limited session is empty.
    texts = all(isinstance(claims[name], str) for name in ("org", "sub", "sid", "jti", "client_id", "scope"))
    return numbers and texts and bool(claims["jti"] and claims["client_id"])


def _keys() -> Keys:
    keys: Keys = current_app.extensions["keys"]
    return keys


@jwt_manager.encode_key_loader
def _signing_key(_identity: Any) -> Any:
    return _keys().signing[g.signer]
