"""The scripts of a request: its tests, as the OpenAPI document has them, and the variables that later requests need."""

import json
from collections.abc import Iterator
from typing import Any

from tests.clients.postman.steps import Step
from tests.contract.operations import Operation

PROBLEM = "application/problem+json"
GRANT = {"access_token": "access_token", "refresh_token": "refresh_token"}
DEEPEST = 2
"""So far down the members are looked for that the document requires."""

UNIQUE = """
const unique = pm.variables.replaceIn("{{$guid}}");
pm.environment.set("email", `postman-${unique}@example.com`);
pm.environment.set("organization_name", `Postman ${unique.slice(0, 8)}`);
"""
"""An organization of its own for each run: the address of a user is theirs alone in the whole service."""

TOTP = """
// The code of an authenticator (RFC 6238): SHA-1, six digits, thirty seconds.
const hashes = require("crypto-js");
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const bits = [...pm.environment.get("totp_secret")]
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
const bytes = bits.match(/.{8}/g).map((byte) => parseInt(byte, 2).toString(16).padStart(2, "0")).join("");
const counter = Math.floor(Date.now() / 30000).toString(16).padStart(16, "0");
const digest = hashes.HmacSHA1(hashes.enc.Hex.parse(counter), hashes.enc.Hex.parse(bytes)).toString();
const offset = parseInt(digest.slice(-1), 16) * 2;
const number = parseInt(digest.slice(offset, offset + 8), 16) & 0x7fffffff;
pm.environment.set("totp_code", String(number % 1000000).padStart(6, "0"));
"""

SWAP = """
// The next run begins with the password of now.
const old = pm.environment.get("password");
pm.environment.set("password", pm.environment.get("new_password"));
pm.environment.set("new_password", old);
"""


def events(one: Operation, step: Step) -> list[dict[str, Any]]:
    """The scripts as Postman holds them."""
    scripts = {"prerequest": step.before.strip().splitlines(), "test": [*tests(one, step), *stored(one, step)]}
    return [
        {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}
        for listen, lines in scripts.items()
        if lines
    ]


def status(one: Operation, step: Step) -> int:
    """What is expected: the step's own status, that of its refusal, or the first of success."""
    if step.refused:
        return refusal(one, step.refused)
    return step.status or min(one.success())


def refusal(one: Operation, code: str) -> int:
    """The status with which the document has an operation refuse under this code; all of a status are listed there."""
    found = [
        number
        for number, answer in one.answers().items()
        if code in answer.get("content", {}).get(PROBLEM, {}).get("examples", {})
    ]
    assert len(found) == 1, (one.said["operationId"], code, found)
    return found[0]


def tests(one: Operation, step: Step) -> Iterator[str]:
    """What is asserted of the answer."""
    wanted = status(one, step)
    if step.may_refuse:
        other = refusal(one, step.may_refuse)
        yield f'pm.test("The status is {wanted}, or {other} where the service is deployed so", () =>'
        yield f"    pm.expect(pm.response.code).to.be.oneOf([{wanted}, {other}]));"
    else:
        yield f'pm.test("The status is {wanted}", () => pm.response.to.have.status({wanted}));'
    yield 'pm.test("X-Request-Id names the request", () =>'
    yield '    pm.expect(pm.response.headers.get("X-Request-Id")).to.match(/^[A-Za-z0-9._-]{1,128}$/));'
    kinds = one.answer(wanted).get("content", {})
    if not kinds:
        yield 'pm.test("There is no body", () => pm.expect(pm.response.text()).to.equal(""));'
        return
    kind = accepted(one, wanted)
    allowed = json.dumps([kind, PROBLEM] if step.may_refuse else [kind])
    yield f'pm.test("The body is {kind}", () =>'
    yield f'    pm.expect(pm.response.headers.get("Content-Type").split(";")[0]).to.be.oneOf({allowed}));'
    if step.refused:
        yield f'pm.test("It is refused as {step.refused}", () =>'
        yield f'    pm.expect(pm.response.json().code).to.equal("{step.refused}"));'
    yield from _members(one, kinds.get(kind, {}).get("schema", {}))


def accepted(one: Operation, wanted: int) -> str:
    """The media type that is asked for: JSON wherever there is a choice."""
    kinds = list(one.answer(wanted).get("content", {}))
    return "application/json" if "application/json" in kinds else next(iter(kinds), "")


def _members(one: Operation, schema: dict[str, Any]) -> Iterator[str]:
    lines = list(_required(one, schema, "body", DEEPEST))
    if lines:
        yield 'pm.test("Every member is there that the document requires", () => {'
        yield "    const body = pm.response.json();"
        yield from (f"    {line}" for line in lines)
        yield "});"


def _required(one: Operation, schema: dict[str, Any], place: str, depth: int) -> Iterator[str]:
    """An assertion for each object of which the document says that it is there, down to this depth."""
    schema = one.resolved(schema)
    if names := schema.get("required", []):
        yield f'pm.expect({place}, "{place}").to.include.all.keys({json.dumps(sorted(names))});'
    if not depth:
        return
    for name, shape in schema.get("properties", {}).items():
        shape = one.resolved(shape)
        if name not in names:
            continue
        if shape.get("type") == "object":
            yield from _required(one, shape, f"{place}.{name}", depth - 1)
        if shape.get("type") == "array" and (lines := list(_required(one, shape.get("items", {}), "one", 0))):
            yield f"{place}.{name}.forEach((one) => {{"
            yield from (f"    {line}" for line in lines)
            yield "});"


def noun(one: Operation, step: Step) -> str:
    """The variable for the id of what an answer is about: the one that is made, or the last that the path names."""
    linked = [
        name.removeprefix("path.")
        for link in one.answer(201).get("links", {}).values()
        for name in link["parameters"]
        if name.startswith("path.")
    ]
    in_path = [name for name, given in one.parameters().items() if given["in"] == "path" and name.endswith("_id")]
    return step.into or next(iter(linked), next(iter(in_path), ""))


def kept(one: Operation, step: Step) -> dict[str, str]:
    """The variables that the answer gives values to, each with the expression for it."""
    if step.refused or status(one, step) >= 300:
        return {}
    answer = one.answer(status(one, step))
    found = {name: f"pm.response.json().{place}" for name, place in step.keep.items()}
    is_made = status(one, step) == 201 and "links" in answer
    if (step.into or is_made) and (name := noun(one, step)):
        found[name] = "pm.response.json().id"
    if GRANT.keys() <= one.members(answer) and not step.keep:
        found |= {name: f"pm.response.json().{place}" for name, place in GRANT.items()}
    if "ETag" in answer.get("headers", {}):
        found[etag(one, step)] = 'pm.response.headers.get("ETag")'
    return found


def etag(one: Operation, step: Step) -> str:
    """The variable for the version of what an answer is about."""
    name = noun(one, step)
    own = step.path.get(name, "").strip("{}")
    return f"{(own or name or one.path.rpartition('/')[2]).removesuffix('_id')}_etag"


def stored(one: Operation, step: Step) -> Iterator[str]:
    """The end of the script, which only an answer of success reaches."""
    values = kept(one, step)
    if not values and not step.after:
        return
    yield "if (pm.response.code < 300) {"
    yield from (f'    pm.environment.set("{name}", {value});' for name, value in values.items())
    yield from (f"    {line}" for line in step.after.strip().splitlines())
    yield "}"
