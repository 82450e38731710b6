"""What the edge adds to each operation in the OpenAPI document: credentials, headers, and every refusal it can give."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow.common import resolve_schema_instance
from flask_smorest.utils import deepupdate

from billing_api.web import components, csv, oauth
from billing_api.web.answers import answer_of
from billing_api.web.components import header, refusal
from billing_api.web.parser import FORM, MERGE_PATCH

VERSION = "3.1.0"
PATCHED = "x-merge-patch"
"""Marks a body that is a merge patch of what its schema describes, until the document is finished."""

_SCHEMES: dict[str, dict[str, Any]] = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An `access_token` of login, refresh or `/v1/auth/token`. `GET /v1/me` names its scopes.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The `secret` of an API key."},
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-billing_access",
        "description": (
            "Set by a login with `session: cookie`; its name is `billing_access` where the service is not on https. "
            "A request that writes sends the cookie of the CSRF value too, and the same value as `X-CSRF-Token`."
        ),
    },
    "metricsToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The text of `BILLING_METRICS_TOKEN`, where it is set.",
    },
}
_CREDENTIALS = ("accessToken", "apiKey", "sessionCookie")
"""Any of these opens a guarded door."""

_KEYWORDS = ("$ref", "propertyNames", "exclusiveMinimum", "exclusiveMaximum", "contentMediaType")
"""Of JSON Schema, which apispec does not know from OpenAPI 3.0."""


def schema_name(schema: Any) -> str:
    """The name of a schema in the document; one that was narrowed says how."""
    instance = resolve_schema_instance(schema)
    left_out = "".join(f"_without_{member}" for member in sorted(instance.exclude))
    return type(instance).__name__ + "".join(word.capitalize() for word in left_out.split("_"))


def null_too(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Where a field may be null, the alternatives and the words that it lists say so too."""
    if not field.allow_none:
        return {}
    also: dict[str, Any] = {}
    if "enum" in ret and None not in ret["enum"]:
        also["enum"] = [*ret["enum"], None]
    if "anyOf" in ret and {"type": "null"} not in ret["anyOf"]:
        also["anyOf"] = [*ret["anyOf"], {"type": "null"}]
    return also


def json_schema(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """What a field says in words of JSON Schema that OpenAPI 3.0 did not have."""
    return {name: field.metadata[name] for name in _KEYWORDS if name in field.metadata}


def register(spec: APISpec) -> None:
    """Register what operations refer to: the problem, a response for each status, headers, parameters, credentials."""
    spec.components.schema("Fault", components.FAULT)
    spec.components.schema("Problem", components.PROBLEM)
    for status, titles in sorted(components.by_status().items()):
        spec.components.response(components.name_of(status), components.response(status, titles))
    for name, given in components.examples().items():
        spec.components.example(name, given)
    for name, given in components.HEADERS.items():
        spec.components.header(name, given)
    for name, given in components.PARAMETERS.items():
        spec.components.parameter(name, given["in"], {key: given[key] for key in given if key != "in"})
    for name, scheme in _SCHEMES.items():
        spec.components.security_scheme(name, scheme)


def operation(resource: str, view: Callable[..., Any], path: str, method: str) -> dict[str, Any]:
    """The part of an operation's description that follows from its decorators and its address."""
    is_guarded = getattr(view, "is_guarded", False)
    scopes = getattr(view, "required_scopes", ())
    described: dict[str, Any] = {
        "operationId": f"{resource}_{view.__name__}".replace("-", "_"),
        "security": [{scheme: list(scopes)} for scheme in _CREDENTIALS] if is_guarded else [],
        "responses": {str(code): _told(view, code) for code in sorted(set(_refused(view, path, method)))},
    }
    if parameters := list(_parameters(view, path, method)):
        described["parameters"] = parameters
    if scopes:
        # With spaces between them, as OAuth 2 writes several (RFC 6749, section 3.3).
        described["x-required-scope"] = " ".join(scopes)
    for code in _answered(view):
        headers = {name: header(name) for name in (*_headers(view, method, code), *_counted(path))}
        described["responses"][str(code)] = {"headers": headers, **_table(view, described["operationId"])}
    if _is_conditional(view, method):
        headers = {name: header(name) for name in ("X-Request-Id", "ETag", *_cached(view), *_counted(path))}
        described["responses"]["304"] = {"description": components.NOT_MODIFIED, "headers": headers}
    described["responses"] |= _of_server(view, path)
    for place, kind in (("json", "application/json"), ("form", FORM)):
        if place in _arguments(view):
            described["requestBody"] = {"content": {kind: _examples(_arguments(view)[place]["schema"])}}
    if patched := getattr(view, "patched_schema", None):
        body = {"schema": patched, PATCHED: True, **_examples(patched, "patches")}
        described["requestBody"] = {"required": True, "content": {MERGE_PATCH: body, "application/json": dict(body)}}
    return described


def _of_server(view: Callable[..., Any], path: str) -> dict[str, Any]:
    """What the HTTP server itself refuses with, in the form of all refusals also where the view has another."""
    return {str(code): refusal(code) for code in ((414, 431) if _has_free_text(view, path) else (431,))}


def _told(view: Callable[..., Any], status: int) -> dict[str, Any]:
    """The response with which a view refuses."""
    return oauth.described(status) if hasattr(view, "tells") else refusal(status)


def _examples(schema: Any, attribute: str = "examples") -> dict[str, Any]:
    """Whole bodies that work when they are sent, without the members that this form of the schema leaves out."""
    bodies = getattr(schema, attribute, {})
    examples = {
        re.sub(r"\W+", "-", summary.lower()).strip("-"): {
            "summary": summary,
            "value": {name: value for name, value in body.items() if name not in schema.exclude},
        }
        for summary, body in bodies.items()
    }
    return {"examples": examples} if examples else {}


def tidied(doc: dict[str, Any], edge: dict[str, Any]) -> dict[str, Any]:
    """What smorest says of an operation, with what the edge says of it; the statuses in their order."""
    responses: dict[str, Any] = {}
    for source in (doc.pop("responses", {}), edge["responses"]):
        for status, given in source.items():
            # smorest names a 422 of its own shape for every argument: a text, and not a description.
            if not isinstance(given, str):
                responses[str(status)] = deepupdate(responses.get(str(status), {}), given)
    for status, given in responses.items():
        for kind, media in given.get("content", {}).items() if status < "300" else ():
            media.update(answer_of(edge["operationId"], kind))
    parameters = [*doc.pop("parameters", []), *edge.get("parameters", [])]
    body = deepupdate(doc.pop("requestBody", {}), edge.get("requestBody", {}))
    whole = {**doc, **edge, **({"requestBody": body} if body else {}), "responses": dict(sorted(responses.items()))}
    return {**whole, "parameters": parameters} if parameters else whole


def scoped(text: dict[str, str], edge: dict[str, Any]) -> dict[str, str]:
    """What a view's docstring says of an operation, with the scopes that it needs: the members of the document that
    state them are shown by few readers."""
    scopes = edge.get("x-required-scope", "").split()
    if not scopes:
        return text
    needs = f"Needs the scope{'s' * (len(scopes) > 1)} {' and '.join(f'`{scope}`' for scope in scopes)}."
    return {**text, "description": f"{text.get('description', '')}\n\n{needs}".strip()}


def takes_dry_run(view: Callable[..., Any], method: str) -> bool:
    """Every write that keeps something can be tried first; auth and previews have no trial."""
    return bool(getattr(view, "stores_replies", False)) and method != "GET"


def is_conditional(schema: Any) -> bool:
    """Whether what this schema shows is one object, which stays as it is while its version does."""
    return schema is not None and schema.fields.keys() >= {"id", "version"} and not schema.moves


def _is_conditional(view: Callable[..., Any], method: str) -> bool:
    _, schema = getattr(view, "answers_with", (200, None))
    return method == "GET" and is_conditional(schema)


def _takes_if_match(view: Callable[..., Any], path: str, method: str) -> bool:
    follows = method in {"PUT", "PATCH", "DELETE"} or (method == "POST" and "<" in path)
    said: bool | None = getattr(view, "takes_if_match", False)
    return follows if said is None else said


def stores_replies(view: Callable[..., Any], method: str) -> bool:
    """Whether it honours an Idempotency-Key."""
    return method == "POST" and takes_dry_run(view, method)


def takes_body(view: Callable[..., Any]) -> bool:
    """Whether a schema reads the body of this operation."""
    return not {"json", "form"}.isdisjoint(_arguments(view)) or hasattr(view, "patched_schema")


def body_schema(view: Callable[..., Any]) -> Any:
    """What reads its body; a merge patch is read by what it patches."""
    return getattr(view, "patched_schema", None) or _arguments(view).get("json", {}).get("schema")


def _arguments(view: Callable[..., Any]) -> dict[str, Any]:
    given = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", [])
    return {argument["in"]: argument for argument in given}


def _has_free_text(view: Callable[..., Any], path: str) -> bool:
    return "query" in _arguments(view) or re.search(r"<(?!uuid:)", path) is not None


def _parameters(view: Callable[..., Any], path: str, method: str) -> Iterator[str]:
    if _is_conditional(view, method):
        yield "IfNoneMatch"
    if takes_dry_run(view, method):
        yield "DryRun"
    if stores_replies(view, method):
        yield "IdempotencyKey"
    if _takes_if_match(view, path, method):
        yield "IfMatch"
    if method == "PUT" and 201 in _answered(view):
        yield "IfNoneExists"


def _refused(view: Callable[..., Any], path: str, method: str) -> Iterator[int]:
    """The statuses of refusal that this operation can answer with."""
    yield from (400, 500)
    yield from (one if isinstance(one, int) else one.status for one in getattr(view, "refusals", ()))
    if hasattr(view, "tells"):
        # OAuth 2 knows few statuses: whatever is wrong with a request is 400.
        yield from (429, 503)
        return
    if path.startswith("/v1/"):
        # Only these ask the database, look at Accept, and are counted.
        yield from (406, 429, 503)
    if getattr(view, "is_guarded", False):
        yield 401
        if getattr(view, "required_scopes", ()):
            yield 403
    if "<" in path:
        yield 404
    if "json" in _arguments(view) or hasattr(view, "patched_schema"):
        yield from (413, 415, 422)
    if stores_replies(view, method):
        # The key may be at work, or be another request's.
        yield from (409, 422)
    if _takes_if_match(view, path, method):
        yield from (412, 428)
        if "<" in path:
            yield 409


def _answered(view: Callable[..., Any]) -> list[int]:
    """The statuses that it answers with when it succeeds."""
    given = getattr(view, "_apidoc", {}).get("response", {}).get("responses", {})
    return sorted(int(status) for status in given)


def _table(view: Callable[..., Any], operation_id: str) -> dict[str, Any]:
    """The second form of what is shown in rows; its example is that of JSON."""
    _, schema = getattr(view, "answers_with", (200, None))
    if not csv.is_tabular(schema):
        return {}
    shown = answer_of(operation_id, "application/json")
    example = {"example": csv.answer(schema, shown["example"]).get_data(as_text=True)} if shown else {}
    return {"content": {csv.CSV: {**components.TABLE, **example}}}


def _counted(path: str) -> tuple[str, ...]:
    """The headers of what is counted under a limit."""
    return components.OF_LIMITS if path.startswith("/v1/") else ()


def _cached(view: Callable[..., Any]) -> tuple[str, ...]:
    """The header of what may have been kept."""
    return ("X-Cache",) if getattr(view, "tells_cache", False) else ()


def _headers(view: Callable[..., Any], method: str, status: int) -> Iterator[str]:
    """The headers of the answer when it succeeds."""
    _, schema = getattr(view, "answers_with", (200, None))
    members = schema.fields.keys() if schema is not None else set()
    yield "X-Request-Id"
    if status == 201:
        yield "Location"
    if members >= {"id", "version"} and getattr(view, "stores_replies", False):
        # What a preview shows is kept nowhere and has no version.
        yield "ETag"
    if "next_cursor" in members:
        yield "Link"
    if takes_dry_run(view, method):
        yield "Dry-Run"
    if stores_replies(view, method):
        yield "Idempotency-Replayed"
    if method == "PATCH":
        yield "Accept-Patch"
    yield from _cached(view)
