"""What many operations of the OpenAPI document share: the problem, the headers, the parameters of the edge."""

from collections.abc import Iterable, Mapping
from typing import Any

from billing_api.errors import tree
from billing_api.web.answers import REFUSALS
from billing_api.web.errors import PROBLEM_JSON
from billing_api.web.fault_codes import FAULT_CODES

FAULT = {
    "type": "object",
    "description": "One fault of a request, and where it stands.",
    "required": ["code", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "JSON pointer (RFC 6901) into the body.",
            "example": "/lines/0/quantity",
        },
        "parameter": {"type": "string", "description": "The query parameter or header, instead of a pointer."},
        "code": {
            "type": "string",
            "description": "Kebab-case, stable; `/problems/{code}` says what it means and what to do.",
            "example": "required",
        },
        "detail": {"type": "string", "description": "For a person.", "example": "This member is required."},
    },
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457; `type` leads to a page that says what it means and what to do.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "example": "/problems/validation-failed"},
        "title": {"type": "string", "example": "The request is invalid"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "example": 422},
        "code": {
            "type": "string",
            "description": (
                "Kebab-case, stable; programs branch on it. That of a rule of its own, such as `invoice-not-ready`; or "
                "of the faults of a body (422) or query (400) where all have one and the same, such as "
                "`unknown-member`; else `validation-failed` or `malformed-request`. The parameter of "
                "`/problems/{code}` lists them all."
            ),
            "example": "validation-failed",
        },
        "detail": {"type": "string", "example": "1 fault in the body."},
        "instance": {
            "type": "string",
            "description": "The path of the request; empty where it could not be read.",
            "example": "/v1/invoices",
        },
        "request_id": {"type": ["string", "null"], "example": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"},
        "errors": {
            "type": "array",
            "description": "Every fault at once; empty where there is no place to name.",
            "items": {"$ref": "#/components/schemas/Fault"},
        },
        "current_status": {
            "type": "string",
            "description": "Where a status forbids it, as with `invalid-transition`: the document's.",
        },
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Beside `current_status`: what can be done instead.",
        },
        "drafts": {
            "type": "array",
            "maxItems": 10,
            "items": {"type": "string", "format": "uri-reference"},
            "description": "With `customer-has-drafts`: the paths of the oldest of them.",
        },
        "total": {"type": "string", "description": "With `total-mismatch`: what it comes to.", "example": "119.00"},
        "calculation": {
            "type": "string",
            "format": "uri-reference",
            "description": "With `total-mismatch`: where every step to the total is explained.",
        },
        "number": {"type": "string", "description": "With `number-taken`: the number that another document has."},
        "next_value": {"type": "integer", "description": "With `series-in-use`: the value that comes next."},
        "last_issue_date": {
            "type": "string",
            "format": "date",
            "description": "With `issue-date-before-last-number`: when the last number was given.",
        },
        "amount_available": {
            "type": "string",
            "description": "With `payment-is-applied`: what of the payment can be refunded.",
        },
    },
}

_TRUE = {"type": "string", "enum": ["true"]}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Finds this request in the logs: the one that was sent, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
    "ETag": {
        "description": "The version of the object, for `If-Match` and `If-None-Match`.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$', "example": '"1"'},
    },
    "Location": {
        "description": "The path of the new object; not in a dry run.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {
        "description": 'The next page, if there is one: `</v1/...>; rel="next"`.',
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {"description": "`true` where this is the stored reply.", "schema": _TRUE},
    "Dry-Run": {"description": "`true` where nothing was kept.", "schema": _TRUE},
    "WWW-Authenticate": {
        "description": "`Bearer`, and why the credential was refused, or which scope it lacks.",
        "schema": {"type": "string", "example": 'Bearer error="invalid_token"'},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "example": "1"}},
    "RateLimit-Policy": {
        "description": (
            "The limit that the request was counted under: `default` for a credential, `address` without a good one; "
            "`q` requests in `w` seconds. Of `/v1` only, and not where the limit is off."
        ),
        "schema": {
            "type": "string",
            "pattern": '^"(default|address)";q=[0-9]+;w=60$',
            "example": '"default";q=6000;w=60',
        },
    },
    "RateLimit": {
        "description": "How many requests are left (`r`), and in how many seconds all are there again (`t`).",
        "schema": {
            "type": "string",
            "pattern": '^"(default|address)";r=[0-9]+;t=[0-9]+$',
            "example": '"default";r=5999;t=60',
        },
    },
    "X-Cache": {
        "description": (
            "Whether it was at hand in the cache (`hit`) or had to be read (`miss`); it is as true either way. Absent "
            "where the service has no Redis."
        ),
        "schema": {"type": "string", "enum": ["hit", "miss"]},
    },
    "Accept-Patch": {
        "description": "The media types of patches that this address understands (RFC 5789).",
        "schema": {"type": "string", "example": "application/merge-patch+json, application/json"},
    },
}
OF_STATUS = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
OF_LIMITS = ("RateLimit-Policy", "RateLimit")
_ALWAYS = {("WWW-Authenticate", 401), ("Retry-After", 429), ("Retry-After", 503)}
"""Headers that an answer with this status never lacks."""

_TAGS = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]{0,64}"( ?, ?(W/)?"[!#-~]{0,64}")*)$'}
PARAMETERS: dict[str, dict[str, Any]] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "Makes a retry safe: the same key gives the same reply, for 72 hours, to the same user or API key. Another "
            "user's or API key's request under it is a request of its own. Take a random UUID."
        ),
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag of the version to change, several, or `*` for any; 412 when it has changed since.",
        "schema": _TAGS,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": 'The ETag of the version that you hold, such as `"1"`; 304 when it still stands. What an '
        "invoice shows of others and of the day, its `actions` and `overdue`, may be another without a new version.",
        "schema": _TAGS,
    },
    "IfNoneExists": {
        "name": "If-None-Match",
        "in": "header",
        "description": (
            "`*`: create, and answer 412 when it exists already; needs no `If-Match` beside it. An ETag: 412 when it "
            "is at this version."
        ),
        "schema": _TAGS,
    },
    "DryRun": {
        "name": "dry_run",
        "in": "query",
        "description": "Do everything, constraints included, and keep nothing.",
        "schema": {"type": "boolean", "default": False},
    },
}

TABLE = {
    "schema": {
        "type": "string",
        "description": (
            "RFC 4180 in UTF-8, asked for by `Accept: text/csv`: a row of names, then one for each item, or for each "
            "of the rows that it consists of. Members of objects stand under their path (`billing_address.city`), "
            "lists and objects of free names as JSON in one cell; `links`, and what only `include` adds, are left out. "
            "A text in which a spreadsheet might see a formula has an apostrophe before it. Pages are the same as in "
            "JSON: follow `Link`."
        ),
    }
}
"""A list or a report as comma-separated values."""

CODES = "x-problem-codes"
"""Marks what is one of all codes of refusal, until the document is finished and all are known."""
PROBLEM_CODE = {
    "name": "code",
    "in": "path",
    "description": "The `code` of a problem, or of a fault in its `errors`.",
    "schema": {"type": "string", CODES: True},
}

NOT_MODIFIED = "The version that the client holds still stands."


def header(name: str) -> dict[str, str]:
    """A reference to a header."""
    return {"$ref": f"#/components/headers/{name}"}


def refusal(status: int) -> dict[str, str]:
    """A reference to the response of refusals with this status."""
    return {"$ref": f"#/components/responses/{name_of(status)}"}


def name_of(status: int) -> str:
    """The name of the response of refusals with this status."""
    return f"Problem{status}"


def by_status() -> dict[int, dict[str, str]]:
    """The titles of all refusals by their codes, for each status."""
    found: dict[int, dict[str, str]] = {}
    for kind in tree():
        found.setdefault(kind.status, {})[kind.code] = kind.title
    return found


def response(status: int, titles: Mapping[str, str], faults: Iterable[str] = ()) -> dict[str, Any]:
    """The response of these refusals, which have this status: an example for each, and for these faults' own codes."""
    return {
        "description": "; ".join(title for _, title in sorted(titles.items())) + ".",
        "headers": {name: header(name) for name in ("X-Request-Id", *OF_LIMITS)}
        | {name: _header(name, status) for name in OF_STATUS.get(status, ())},
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    # One that is answered in another form, or not yet shown, has none.
                    code: {"$ref": f"#/components/examples/{code}"}
                    for code in sorted({*titles, *faults} & REFUSALS.keys())
                },
            }
        },
    }


def examples() -> dict[str, dict[str, Any]]:
    """What the service answers with each code of a refusal, and with those of faults that a problem takes over."""
    return {code: {"summary": problem["title"], "value": problem} for code, problem in sorted(REFUSALS.items())}


def codes() -> list[str]:
    """Every code of a refusal or a fault that has a page, in alphabetical order."""
    return sorted(FAULT_CODES.keys() | {kind.code for kind in tree() if kind.__doc__})


def _header(name: str, status: int) -> dict[str, Any]:
    return {**HEADERS[name], "required": True} if (name, status) in _ALWAYS else header(name)
