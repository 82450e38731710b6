"""The OpenAPI document as a whole: what can only be said when every operation and every schema is known."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from billing_api.web.components import CODES, codes
from billing_api.web.descriptions import describe
from billing_api.web.document import PATCHED
from billing_api.web.linking import link, operations
from billing_api.web.narrowing import narrow

_SCHEMAS = "#/components/schemas/"
_ORDER = ("openapi", "info", "servers", "tags", "paths", "components")
_FIRST, _LAST = ("auth", "organization"), ("events", "operations", "contract")
"""Tags in the order in which a reader needs them; the other resources stand between, in their own."""

Json = dict[str, Any]


def finished(document: Json, reached: Mapping[str, frozenset[str]]) -> Json:
    """The document with merge patches, exact outputs, links and, of all refusals, those that each operation can reach;
    without what nothing refers to."""
    whole = deepcopy(document)
    schemas = whole["components"]["schemas"]
    for _, _, operation in operations(whole):
        _describe_patch(operation, schemas)
        _leave_fields_empty(operation)
    for name in _shown(whole):
        _describe_output(schemas[name])
    schemas |= _hoisted(whole)
    asked = _asked(whole)
    for name, schema in schemas.items():
        describe(name, schema.get("properties", {}))
        if name in asked:
            _tell_defaults(schema)
    whole["tags"].sort(key=lambda tag: _rank(tag["name"]))
    _name_codes(whole)
    narrow(whole, reached)
    link(whole)
    _prune(whole)
    return {name: whole[name] for name in (*_ORDER, *whole) if name in whole}


def _rank(tag: str) -> int:
    if tag in _FIRST:
        return _FIRST.index(tag) - len(_FIRST)
    return _LAST.index(tag) + 1 if tag in _LAST else 0


def _describe_patch(operation: Json, schemas: Json) -> None:
    """A merge patch (RFC 7396) is what the schema describes with nothing required, all the way down to the lists."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if media.pop(PATCHED, False):
            media["schema"] = _patch_of(media["schema"], schemas)


def _patch_of(reference: Json, schemas: Json) -> Json:
    name = reference["$ref"].removeprefix(_SCHEMAS)
    patch = re.sub("Input.*|$", "Patch", name, count=1)
    if patch not in schemas:
        schemas[patch] = {}
        whole = deepcopy(schemas[name])
        whole.pop("required", None)
        for member, shape in whole["properties"].items():
            whole["properties"][member] = _relaxed(shape, schemas)
        whole["description"] = "Members that are left out stay as they are; null removes."
        schemas[patch] = whole
    return {"$ref": _SCHEMAS + patch}


def _relaxed(shape: Json, schemas: Json) -> Json:
    """What stands in a patch in place of a member: its default plays no part, and objects are patched in turn."""
    shape = {name: value for name, value in shape.items() if name != "default"}
    if "$ref" in shape:
        return {**shape, **_patch_of(shape, schemas)}
    if "anyOf" in shape:
        shape["anyOf"] = [_relaxed(one, schemas) for one in shape["anyOf"]]
    values = shape.get("additionalProperties")
    if isinstance(values, dict) and isinstance(values.get("type"), str):
        shape["additionalProperties"] = {**values, "type": [values["type"], "null"]}
    return shape


def _leave_fields_empty(operation: Json) -> None:
    """A page fills in an example of a parameter for whoever tries it; a filter that nobody meant finds nothing."""
    for parameter in operation.get("parameters", []):
        example = parameter.get("schema", {}).pop("example", None)
        text = parameter.get("description", "")
        if example is not None and f"such as {example}" not in text:
            parameter["description"] = f"{text.rstrip('.')}, such as `{example}`." if text else f"Such as `{example}`."


def _shown(document: Json) -> set[str]:
    """The names of the schemas that only answers use."""
    answered: set[str] = set()
    for _, _, operation in operations(document):
        _gather(operation["responses"], document, answered)
    # What stands in a JSON column has the members that were written; only what is made for showing has all of them.
    return {name for name in answered - _asked(document) if re.search(r"(Output|Page)(Without\w+)?$", name)}


def _asked(document: Json) -> set[str]:
    """The names of the schemas that bodies of requests use."""
    asked: set[str] = set()
    for _, _, operation in operations(document):
        _gather(operation.get("requestBody", {}), document, asked)
    return asked


def _tell_defaults(schema: Json) -> None:
    """What holds for a member that is left out is said in words: generators of types take one that has a `default` for
    one that is always there, and would have their users send it."""
    for shape in schema.get("properties", {}).values():
        value = shape.pop("default", None)
        text = shape.get("description", "")
        if value not in (None, "") and "Left out:" not in text:
            word = value if isinstance(value, str) else json.dumps(value)
            shape["description"] = f"{text} Left out: `{word}`.".strip()


def _gather(node: Any, document: Json, found: set[str]) -> None:
    """Every schema that is referred to from here, directly or through others."""
    for reference in _references(node):
        kind, name = reference.split("/")[2:]
        target = document["components"][kind][name]
        if kind != "schemas":
            _gather(target, document, found)
        elif name not in found:
            found.add(name)
            _gather(target, document, found)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref" and isinstance(value, str):
                yield value
            elif name not in {"example", "value"}:
                yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _describe_output(schema: Json) -> None:
    """What is shown is always there, unless it says otherwise; may get more members in time; and is exact text."""
    schema.pop("additionalProperties", None)
    members = schema.get("properties", {})
    schema["required"] = sorted(name for name, shape in members.items() if not shape.pop("x-optional", False))
    if not schema["required"]:
        del schema["required"]
    for shape in members.values():
        is_never_null = shape.get("default") is not None or {"maxItems", "maxProperties"} & shape.keys()
        if "maxLength" in shape:
            # What can be written now; what stands may be older.
            shape.pop("pattern", None)
        for name in ("default", "readOnly", "writeOnly"):
            shape.pop(name, None)
        _show_text(shape)
        if is_never_null and isinstance(shape.get("type"), list):
            shape["type"] = next(kind for kind in shape["type"] if kind != "null")
            if "enum" in shape:
                shape["enum"] = [word for word in shape["enum"] if word is not None]


def _show_text(shape: Json) -> None:
    """Of what can be written as text or as number, the text is shown."""
    choices = shape.get("anyOf", [])
    text = next((one for one in choices if one.get("type") == "string"), None)
    if text is None or not any(one.get("type") == "number" for one in choices):
        return
    del shape["anyOf"]
    shape |= {**text, "type": ["string", "null"] if {"type": "null"} in choices else "string"}


def _hoisted(node: Any) -> Json:
    """The long lists of words, each once, under the name that the field gives it; in their places stand references."""
    found: Json = {}
    children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    for child in children:
        found |= _hoisted(child)
    if isinstance(node, dict) and (name := node.pop("x-component", None)):
        words = [word for word in node.pop("enum") if word is not None]
        kind, reference = node.pop("type"), {"$ref": _SCHEMAS + name}
        found[name] = {"type": "string", "enum": words}
        node |= {"anyOf": [reference, {"type": "null"}]} if isinstance(kind, list) else reference
    return found


def _name_codes(document: Json) -> None:
    for item in document["paths"].values():
        for parameter in item.get("parameters", []):
            if parameter["schema"].pop(CODES, False):
                parameter["schema"]["enum"] = codes()


def _prune(document: Json) -> None:
    """Leave out the components that nothing refers to, such as smorest's own shape of errors."""
    used = set(_references(document["paths"]))
    while True:
        reached = {
            reference
            for kind, members in document["components"].items()
            for name, member in members.items()
            if f"#/components/{kind}/{name}" in used
            for reference in _references(member)
        }
        if reached <= used:
            break
        used |= reached
    for kind, members in document["components"].items():
        if kind != "securitySchemes":
            document["components"][kind] = {
                name: members[name] for name in sorted(members) if f"#/components/{kind}/{name}" in used
            }
