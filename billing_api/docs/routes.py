"""`/openapi.json` and `/docs`: the contract, for programs and for people; both work offline."""

import base64
import hashlib
import re
from typing import Any

from flask import Response, current_app, jsonify
from flask_swagger_ui import get_swaggerui_blueprint

from billing_api.web import compression
from billing_api.web.api import Blueprint
from billing_api.web.auth import public

blueprint = Blueprint("contract", __name__, description="This document.")

_DESCRIPTION = """\
Organizations, customers and invoices: from a draft to a numbered document that nobody can change.

**Begin.** `POST /v1/auth/sign-up` founds an organization and gives an access token; `POST /v1/auth/login` gives
another. Send it as `Authorization: Bearer <access_token>`. Here: copy it, press *Authorize*, paste it, and try every
operation.
Before its first invoice is issued an organization needs `legal_name`, `address` and a tax id.

**Money is exact.** Amounts are decimal strings in the major unit with exactly the decimals of their currency:
`"1190.00"` EUR, `"1190"` JPY, `"1.190"` KWD. A JSON number is accepted too and read from its digits, never through a
binary float; more decimals than allowed are refused, never rounded away. Where the service itself rounds, to the
decimals of the currency, halves go away from zero.

**Refusals** have one form, `application/problem+json` (RFC 9457), with all faults of a body at once, each with its JSON
pointer: first those of its members, and of what they name; where all can be read, those of the figures and dates
together. `code` is what programs branch on: that of a rule of its own, such as `invoice-not-ready`, or of the faults
where all have one and the same, such as `unknown-member`, else `validation-failed`. `type` leads to a page that says
what it means and what to do.
Unknown members and unknown query parameters are refused.

**Writing.** `PUT` replaces, `PATCH` is a merge patch (RFC 7396): null removes, lists are replaced whole. An
`Idempotency-Key` makes a retry of a `POST` safe; what was refused is not kept under it. `If-Match` guards against
overwriting what others changed; every object with a `version` has its `ETag`. `?dry_run=true` does everything and keeps
nothing.

**Lists** come in pages; `next_cursor`, or the `Link` header, leads on. From 1 kB on they are compressed for who sends
`Accept-Encoding: gzip`. An object of another organization is absent: 404.
"""

ABOUT: dict[str, Any] = {
    "info": {
        "summary": "Invoicing with exact money.",
        "description": _DESCRIPTION,
        "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
    },
    "servers": [{"url": "/", "description": "This service."}],
}
"""What the document says of the service as a whole."""

pages = get_swaggerui_blueprint(
    "/docs",
    "/openapi.json",
    config={
        "app_name": "billing_api",
        "layout": "BaseLayout",
        "deepLinking": True,
        "displayOperationId": True,
        "displayRequestDuration": True,
        "filter": True,
        "defaultModelsExpandDepth": 0,
        "persistAuthorization": True,
        # Without these two the page would ask a validator in the internet, and name the Host that it was asked for.
        "validatorUrl": None,
        "oauth2RedirectUrl": "/docs/oauth2-redirect.html",
    },
)
"""Swagger UI, with all that it is made of."""

_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@blueprint.route("/openapi.json")
@public()
@blueprint.response(200)
@blueprint.alt_response(200, schema={"type": "object"}, description="OpenAPI 3.1.")
def openapi() -> Response:
    """Read the OpenAPI document

    It says all that the service does; `/docs` shows it to people.
    """
    answer = jsonify(current_app.extensions["api"].document)
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    compression.offer(answer)
    return answer


@pages.after_request
def _admit_own_scripts(answer: Response) -> Response:
    """Admit the scripts that are served here, and of those in the page exactly the one that it came with."""
    is_index = answer.mimetype == "text/html" and not answer.direct_passthrough
    inline = _INLINE.findall(answer.get_data(as_text=True)) if is_index else []
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    answer.headers["Content-Security-Policy"] = _POLICY.format(scripts=scripts)
    return answer


@pages.get("")
def index() -> str:
    """The page without the slash too, so that nobody is sent to an address with the Host that was asked for."""
    page: str = current_app.view_functions[f"{pages.name}.show"]()  # type: ignore[assignment]  # the library's own
    return page
