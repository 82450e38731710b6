"""What OAuth 2 has in a form of its own: a client's credentials, and refusals of the token endpoint (RFC 6749)."""

import base64
import binascii
import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote_plus

import orjson
from flask import request

from billing_api.errors import BillingError, Fault, Malformed, Unauthenticated
from billing_api.web.components import OF_STATUS, header
from billing_api.web.response import Response

_NAMED = frozenset({"invalid-client", "invalid-scope", "unsupported-grant-type"})
"""Codes that the RFC has too; whatever else is wrong with a request is an invalid one."""
_SCOPE = re.compile(r"[a-z_]{1,32}:[a-z]{1,32}")

_ERROR = {
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {
        "error": {
            "type": "string",
            "description": "A code of RFC 6749, section 5.2.",
            "enum": [
                "invalid_client", "invalid_request", "invalid_scope", "unsupported_grant_type",
                "temporarily_unavailable", "server_error",
            ],
        },
        "error_description": {"type": "string", "description": "For a person."},
    },
}  # fmt: skip


class InvalidClient(Unauthenticated):
    """The client is unknown, or its secret is another one, has expired or was revoked. Send the `id` of an API key as
    the client, and as its secret the `secret` that was shown when it was made."""

    code = "invalid-client"
    title = "The client is not known with this secret"


class InvalidScope(Malformed):
    """The client asks for a scope that its API key does not have. Ask for fewer, or for none, which gives all."""

    code = "invalid-scope"
    title = "The client does not have this scope"

    def __init__(self, lacking: Collection[str]) -> None:
        # What does not look like a scope may be a secret in the wrong place.
        named = sorted(scope for scope in lacking if _SCOPE.fullmatch(scope))
        words = f"The client does not have the scope{'s' * (len(named) > 1)} {' and '.join(named)}."
        super().__init__(words if named else None)


class UnsupportedGrantType(Malformed):
    """Only one grant is given here. Send `grant_type=client_credentials`; people log in with `POST /v1/auth/login`."""

    code = "unsupported-grant-type"
    title = "This grant is not given here"


def speaks_oauth(view: Callable[..., Any]) -> Callable[..., Any]:
    """Have the refusals of a view told as RFC 6749, section 5.2, wants them."""
    view.tells = refusal  # type: ignore[attr-defined]  # read where errors become answers, and by the document
    return view


def refusal(error: BillingError) -> Response:
    """A refusal in the form of RFC 6749."""
    if error.code in _NAMED:
        word, status = error.code.replace("-", "_"), error.status
    elif error.status < 429:
        word, status = "invalid_request", 400
    else:
        word, status = "server_error" if error.status == 500 else "temporarily_unavailable", error.status
    places = [f"{fault.parameter or (fault.pointer or '/')[1:]}: {fault.detail}" for fault in error.faults]
    words = " ".join([error.detail, *places])
    # The characters that section 5.2 allows.
    plain = "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "'" for sign in words)
    answer = Response(orjson.dumps({"error": word, "error_description": plain}), status, mimetype="application/json")
    answer.headers.update(error.headers)
    answer.headers["Pragma"] = "no-cache"
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="billing", charset="UTF-8"'
    return answer


def client_of(values: dict[str, Any]) -> tuple[str, str]:
    """The client and its secret, from the header (RFC 6749, section 2.3.1) or from the form, and never from both;
    the form may name the client of the header once more.

    Raises:
        InvalidClient: there is none, or it cannot be read.
        Malformed: there are two.
    """
    header = request.headers.get("Authorization")
    if header is None:
        if not (values["client_id"] and values["client_secret"]):
            raise InvalidClient()
        return values["client_id"], values["client_secret"]
    if values["client_secret"]:
        raise _told_twice("It stands in the header already.", "/client_secret")
    scheme, _, encoded = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InvalidClient() from None
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient()
    name, secret = unquote_plus(name), unquote_plus(secret)
    if values["client_id"] not in {None, name}:
        raise _told_twice("The header names another client.", "/client_id")
    return name, secret


def _told_twice(detail: str, pointer: str) -> Malformed:
    return Malformed("A client proves itself once.", faults=[Fault("several-credentials", detail, pointer)])


def described(status: int) -> dict[str, Any]:
    """The response of the token endpoint when it refuses, for the OpenAPI document."""
    codes = {401: "invalid_client", 400: "invalid_request", 500: "server_error"}
    example = {"error": codes.get(status, "temporarily_unavailable"), "error_description": "In words, for a person."}
    return {
        "description": "Refused, in the form of RFC 6749.",
        "headers": {"X-Request-Id": header("X-Request-Id")}
        | {name: header(name) for name in OF_STATUS.get(status, ())},
        "content": {"application/json": {"schema": _ERROR, "example": example}},
    }
