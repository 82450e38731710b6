"""What the edge adds to each operation in the OpenAPI document: credentials, headers, and every refusal it can give."""

from collections.abc import Callable, Iterable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow.common import resolve_schema_instance

from billing_api.domain.access import SCOPES
from billing_api.errors import BillingError, tree
from billing_api.web.errors import PROBLEM_JSON
from billing_api.web.parser import MERGE_PATCH

VERSION = "3.1.0"

_ALWAYS = (400, 406, 500, 503)
_GUARDED = (401, 403)
_WITH_BODY = (413, 415, 422)

_FAULT = {
    "type": "object",
    "required": ["code", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "JSON pointer (RFC 6901) into the body.",
            "example": "/lines/0/quantity",
        },
        "parameter": {"type": "string", "description": "Query parameter or header."},
        "code": {"type": "string", "example": "required"},
        "detail": {"type": "string", "example": "This member is required."},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457; `type` leads to a page that says what it means and what to do.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "example": "/problems/validation-failed"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "description": "Kebab-case, stable; programs branch on it."},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
        "current_status": {"type": "string", "description": "With invalid-transition: the document's state."},
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "With invalid-transition."},
    },
}

_HEADERS = {
    "X-Request-Id": {"description": "Finds this request in the logs.", "schema": {"type": "string"}},
    "ETag": {"description": "The version of the object, for If-Match.", "schema": {"type": "string", "example": '"1"'}},
    "Location": {"description": "The path of the new object.", "schema": {"type": "string"}},
    "Link": {"description": 'The next page, `rel="next"`.', "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "`true` on a stored reply.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Dry-Run": {"description": "`true` where nothing was kept.", "schema": {"type": "string", "enum": ["true"]}},
}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a retry safe: the same key gives the same reply, for 72 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the version to change; 412 when it has changed since.",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$', "example": '"1"'},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag held; 304 when it still stands.",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$', "example": '"1"'},
}
DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "description": "Do everything, constraints included, and keep nothing.",
    "schema": {"type": "boolean", "default": False},
}


def schema_name(schema: Any) -> str:
    """The name of a schema in the document; one that was narrowed says how."""
    instance = resolve_schema_instance(schema)
    name = type(instance).__name__
    if instance.partial:
        name = name.replace("Input", "Patch")
    left_out = "".join(f"_without_{member}" for member in sorted(instance.exclude))
    return name + "".join(word.capitalize() for word in left_out.split("_"))


def components(spec: APISpec) -> None:
    """Register what operations refer to: the problem, a response for each status, the credentials."""
    spec.components.schema("Fault", _FAULT)
    spec.components.schema("Problem", _PROBLEM)
    kinds: dict[int, list[type[BillingError]]] = {}
    for kind in tree():
        kinds.setdefault(kind.status, []).append(kind)
    for status, members in sorted(kinds.items()):
        spec.components.response(_name(status), _refusals(status, members))
    spec.components.security_scheme(
        "accessToken",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of `/v1/auth/login`. Scopes: " + ", ".join(sorted(SCOPES)) + ".",
        },
    )


def operation(resource: str, view: Callable[..., Any], rule: str, method: str) -> dict[str, Any]:
    """The part of an operation's description that follows from its decorators."""
    is_guarded = getattr(view, "is_guarded", False)
    status, _ = getattr(view, "answers_with", (200, None))
    parameters = list(_parameters(view, rule, method))
    described: dict[str, Any] = {
        "operationId": f"{resource}_{view.__name__}".replace("-", "_"),
        "security": [{"accessToken": []}] if is_guarded else [],
        "responses": {
            str(code): {"$ref": f"#/components/responses/{_name(code)}"} for code in _refused(view, rule, method)
        },
    }
    if parameters:
        described["parameters"] = parameters
    if scope := getattr(view, "required_scope", None):
        described["x-required-scope"] = scope
    described["responses"][str(status)] = {"headers": dict(_answer_headers(view, method, status))}
    if "conditional" in _traits(view, rule, method):
        described["responses"]["304"] = {"description": "The version that the client holds still stands."}
    if patched := getattr(view, "patched_schema", None):
        body = {"schema": type(patched)(partial=True)}
        described["requestBody"] = {"required": True, "content": {MERGE_PATCH: body, "application/json": body}}
    return described


def _traits(view: Callable[..., Any], rule: str, method: str) -> set[str]:
    """What the edge does for this operation."""
    traits = set()
    one = rule.rstrip("/").endswith(">") or getattr(view, "is_single", False)
    if method == "GET" and one and getattr(view, "is_guarded", False):
        traits.add("conditional")
    return traits


def _parameters(view: Callable[..., Any], rule: str, method: str) -> Iterable[dict[str, Any]]:
    if "conditional" in _traits(view, rule, method):
        yield IF_NONE_MATCH
    if not getattr(view, "is_guarded", False) or method == "GET":
        return
    yield DRY_RUN
    if method == "POST" and getattr(view, "stores_replies", False):
        yield IDEMPOTENCY_KEY
    if method in {"PUT", "PATCH", "DELETE"} or "<" in rule:
        yield IF_MATCH


def _refused(view: Callable[..., Any], rule: str, method: str) -> list[int]:
    """The statuses of refusal that this operation can answer with."""
    is_guarded = getattr(view, "is_guarded", False)
    codes = set(_ALWAYS) | set(getattr(view, "refusals", ()))
    if is_guarded:
        codes |= set(_GUARDED)
    if "<" in rule:
        codes.add(404)
    if method in {"POST", "PUT", "PATCH"}:
        codes |= {*_WITH_BODY}
    if method != "GET" and is_guarded:
        codes |= {409, 412, 422, 428}
    return sorted(codes)


def _answer_headers(view: Callable[..., Any], method: str, status: int) -> Iterable[tuple[str, Any]]:
    yield "X-Request-Id", _HEADERS["X-Request-Id"]
    if not getattr(view, "is_guarded", False):
        return
    if status == 201:
        yield "Location", _HEADERS["Location"]
    if method != "GET":
        yield "Dry-Run", _HEADERS["Dry-Run"]
    if method == "POST":
        yield "Idempotency-Replayed", _HEADERS["Idempotency-Replayed"]
    if status != 204:
        yield "ETag", _HEADERS["ETag"]
        yield "Link", _HEADERS["Link"]


def _name(status: int) -> str:
    return f"Problem{status}"


def _refusals(status: int, kinds: list[type[BillingError]]) -> dict[str, Any]:
    codes = sorted({kind.code: kind.title for kind in kinds}.items())
    examples = {
        code: {
            "summary": title,
            "value": {
                "type": f"/problems/{code}",
                "title": title,
                "status": status,
                "code": code,
                "detail": f"{title}.",
                "instance": "/v1/invoices",
                "request_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e",
                "errors": [],
            },
        }
        for code, title in codes
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    headers = {"X-Request-Id": _HEADERS["X-Request-Id"]}
    return {
        "description": "; ".join(title for _, title in codes),
        "headers": headers,
        "content": {PROBLEM_JSON: {"schema": schema, "examples": examples}},
    }
