"""The two files as Postman imports them: each request from its operation in the OpenAPI document and its step."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from config import ROOT
from tests.clients.postman.scripts import accepted, etag, events, kept, status
from tests.clients.postman.steps import Folder, Step
from tests.clients.postman.walk import WALK
from tests.contract.operations import METHODS, Operation

FOLDER = ROOT / "docs" / "postman"
DOCUMENT = ROOT / "docs" / "openapi.json"
COLLECTION, ENVIRONMENT = "billing_api.postman_collection.json", "billing_api.postman_environment.json"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
NAMESPACE = uuid.UUID("6f1d8f0e-7c0b-5d0c-9a53-0d7c3f6f2b61")
"""Ids follow from names, so that a collection that is imported anew replaces the old one."""

FIRST = {
    "base_url": "http://127.0.0.1:8000",
    "email": "you@example.com",
    "password": "correct horse battery staple",
    "new_password": "a ladder of nine green moons",
    "organization_name": "",
}
"""The variables that a person may set; all others are set by requests."""
SECRET = re.compile(r"token|secret|password|code")

ABOUT = """Every operation of billing_api, in an order in which all of it can be run from top to bottom.

**Import** this collection and its environment, choose the environment, set `base_url`, and send the requests one by one
or run the whole collection. `Sign up` founds an organization of its own under a new e-mail address at every run; the
tokens and the ids that the answers give are stored in the environment for the requests that follow.

The last request closes the organization that `Sign up` has founded. It asks for its name, so that an organization of
another name stays as it is.

Where sign-up is closed, put the `email` and the `password` of somebody into the environment, and begin with `Log in`.
"""


def files() -> dict[str, str]:
    """The text of each file by its name."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    made = {COLLECTION: collection(document), ENVIRONMENT: environment(document)}
    return {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in made.items()}


def operations(document: dict[str, Any]) -> dict[str, Operation]:
    """Those of the document by their ids."""
    return {
        said["operationId"]: Operation(method.upper(), path, said, document)
        for path, item in document["paths"].items()
        for method, said in item.items()
        if method.upper() in METHODS
    }


def collection(document: dict[str, Any]) -> dict[str, Any]:
    """All folders, and what holds for all of their requests."""
    known = operations(document)
    return {
        "info": {
            "_postman_id": str(NAMESPACE),
            "name": document["info"]["title"],
            "description": f"{ABOUT}\n{document['info']['description']}",
            "schema": SCHEMA,
        },
        "item": [folder(known, one) for one in WALK],
        "auth": {"type": "bearer", "bearer": typed({"token": "{{access_token}}"})},
    }


def environment(document: dict[str, Any]) -> dict[str, Any]:
    """Each variable that a request reads or sets, secret where its value opens something."""
    known = operations(document)
    values = dict(FIRST)
    for step in steps():
        found = [*kept(known[step.operation], step), *re.findall(r'environment\.set\("(\w+)"', step.before)]
        values |= {name: "" for name in found if name not in values}
    return {
        "id": str(uuid.uuid5(NAMESPACE, "environment")),
        "name": "billing_api",
        "values": [
            {"key": name, "value": value, "type": "secret" if SECRET.search(name) else "default", "enabled": True}
            for name, value in values.items()
        ],
        "_postman_variable_scope": "environment",
    }


def steps() -> Iterator[Step]:
    """All of them, from top to bottom."""
    for one in WALK:
        yield from one.steps


def folder(known: dict[str, Operation], one: Folder) -> dict[str, Any]:
    """A folder with its requests."""
    items = [item(known[step.operation], step, f"{one.name}/{number}") for number, step in enumerate(one.steps)]
    return {"name": one.name, "description": one.about, "item": items}


def item(one: Operation, step: Step, place: str) -> dict[str, Any]:
    """One request with its scripts."""
    about = one.said["description"] + (f"\n\n**Here:** {step.why}" if step.why else "")
    asked = {
        "method": one.method,
        "header": list(headers(one, step)),
        **body(one, step),
        "url": url(one, step),
        "description": about,
        **credential(one, step),
    }
    return {
        "name": step.name or one.said["summary"],
        "id": str(uuid.uuid5(NAMESPACE, place)),
        "event": events(one, step),
        "request": asked,
        "response": [],
    }


def credential(one: Operation, step: Step) -> dict[str, Any]:
    """How who asks is named, where it is not by the token of the collection."""
    if key := step.auth.get("X-API-Key"):
        return {"auth": {"type": "apikey", "apikey": typed({"key": "X-API-Key", "value": key, "in": "header"})}}
    if token := step.auth.get("Bearer"):
        return {"auth": {"type": "bearer", "bearer": typed({"token": token})}}
    is_public = not any("accessToken" in alternative for alternative in one.said["security"])
    return {"auth": {"type": "noauth"}} if is_public else {}


def typed(pairs: dict[str, str]) -> list[dict[str, str]]:
    """Pairs as Postman holds those of a credential."""
    return [{"key": name, "value": value, "type": "string"} for name, value in pairs.items()]


def headers(one: Operation, step: Step) -> Iterator[dict[str, Any]]:
    """Those that the document names for the operation; a precondition is switched off unless the step wants it."""
    if step.has_body and (kind := next(iter(one.said.get("requestBody", {}).get("content", {})), "")):
        yield {"key": "Content-Type", "value": kind}
    if len(one.answer(status(one, step)).get("content", {})) > 1:
        yield {"key": "Accept", "value": accepted(one, status(one, step))}
    version = f"{{{{{etag(one, step)}}}}}"
    sent = {"Idempotency-Key": "{{$guid}}"}
    if step.is_guarded:
        sent["If-Match"] = version
    if step.status == 304:
        sent["If-None-Match"] = version
    shown = {"If-Match": version, "If-None-Match": version if one.method == "GET" else "*"}
    for name, given in one.parameters().items():
        if given["in"] == "header":
            header = {"key": name, "value": sent.get(name, shown.get(name, "")), "description": given["description"]}
            yield header if name in sent else {**header, "disabled": True}


def body(one: Operation, step: Step) -> dict[str, Any]:
    """The example of the document, with the step's members; as JSON, or as the form that OAuth 2 has."""
    content = one.said.get("requestBody", {}).get("content", {})
    if not content or not step.has_body:
        return {}
    kind, media = next(iter(content.items()))
    example = list(media["examples"].values())[step.example]["value"]
    value = {**example, **step.change}
    if kind.endswith("urlencoded"):
        pairs = [{"key": name, "value": text, "type": "text"} for name, text in value.items()]
        return {"body": {"mode": "urlencoded", "urlencoded": pairs}}
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return {"body": {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}}


def url(one: Operation, step: Step) -> dict[str, Any]:
    """The address, with all query parameters that the document has; those that are not sent are switched off."""
    parts = re.sub(r"\{(\w+)\}", r":\1", one.path).strip("/").split("/")
    given = one.parameters()
    sent = "&".join(f"{name}={value}" for name, value in step.query.items())
    found: dict[str, Any] = {
        "raw": "{{base_url}}/" + "/".join(parts) + (f"?{sent}" if sent else ""),
        "host": ["{{base_url}}"],
        "path": parts,
    }
    if query := [parameter(name, said, step) for name, said in given.items() if said["in"] == "query"]:
        found["query"] = query
    variables = [name for name, said in given.items() if said["in"] == "path"]
    if variables:
        values = {name: step.path.get(name, f"{{{{{name}}}}}") for name in variables}
        found["variable"] = [{"key": name, "value": value} for name, value in values.items()]
    return found


def parameter(name: str, said: dict[str, Any], step: Step) -> dict[str, Any]:
    """A query parameter with what it means."""
    fallback = said["schema"].get("default", "")
    value = step.query.get(name, fallback if isinstance(fallback, str) else json.dumps(fallback))
    shown = {"key": name, "value": value}
    if text := said.get("description"):
        shown["description"] = text
    return shown if name in step.query else {**shown, "disabled": True}
