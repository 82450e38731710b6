"""What has changed between two OpenAPI documents, and what of it breaks a client that was written for the old one.

A client may send whatever the old document let it send, and be told nothing that the old one did not foresee. So what
is asked may only get wider, and what is told only narrower. Two things are told to every reader and break nobody: an
answer may get more members and headers, and an operation more ways to refuse. A new word in an enumeration of an answer
does break, for a program that branches on it knows no such branch.

The code of a refusal may come to an operation or leave it, which is listed; one that leaves the whole document breaks
the programs that branch on it. A link that goes, or leads elsewhere, is listed and breaks nobody: it is a hint for
readers and tools at an operation that stands for itself. Words and other examples are no part of this.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.contract.shapes import NAME, Node, alternatives, properties, resolved

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
AT_MOST = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
AT_LEAST = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
NO_RULE = frozenset(
    {
        "description", "title", "example", "examples", "deprecated", "externalDocs", "$comment", "summary", "type",
        "nullable",
    }
)  # fmt: skip
"""What a schema says for people; and `type`, by which alternatives are told apart."""
OF_THEIR_OWN = frozenset(
    {"properties", "required", "items", "additionalProperties", "propertyNames", "enum", "default"}
)

_IN_WORDS = re.compile(r"Left out: `(.*?)`\.")


@dataclass(frozen=True, order=True)
class Change:
    """One difference, where it is, and whether a client of the old document may stumble over it."""

    place: str
    what: str
    breaks: bool

    def __str__(self) -> str:
        return f"{'breaking  ' if self.breaks else 'compatible'}  {self.place}: {self.what}"


def changes(old: Node, new: Node) -> list[Change]:
    """Every change of the contract, in the order of its places."""
    return sorted({*_Comparison(old, new).whole()})


@dataclass
class _Comparison:
    old: Node
    new: Node
    met: set[tuple[str, str, bool]] = field(default_factory=set)
    """The pairs of named schemas that were compared: each is told once, at its name, and one that contains itself comes
    to an end."""

    def whole(self) -> Iterator[Change]:
        before, after = (dict(_operations(document)) for document in (self.old, self.new))
        yield from (Change(name, "the operation is gone", True) for name in before.keys() - after.keys())
        yield from (Change(name, "a new operation", False) for name in after.keys() - before.keys())
        for name in sorted(before.keys() & after.keys()):
            yield from self._operation(name, before[name], after[name])
        codes = [{*_codes(self.old, before.values())}, {*_codes(self.new, after.values())}]
        yield from (
            Change(f"code {code}", "no operation refuses with it any more", True) for code in codes[0] - codes[1]
        )
        schemes = [document.get("components", {}).get("securitySchemes", {}) for document in (self.old, self.new)]
        for name in schemes[0].keys() & schemes[1].keys():
            given = [{key: one[name][key] for key in one[name].keys() - NO_RULE} for one in schemes]
            if given[0] != given[1]:
                yield Change(f"credential {name}", "another way to give it", True)
        if _addresses(self.old) - _addresses(self.new):
            yield Change("servers", "an address is gone", True)

    def _operation(self, name: str, old: Node, new: Node) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            yield Change(name, f"operationId {old.get('operationId')} became {new.get('operationId')}", True)
        yield from self._credentials(name, old, new)
        yield from self._parameters(name, old["parameters"], new["parameters"])
        yield from self._body(f"{name} body", old.get("requestBody"), new.get("requestBody"))
        for status, answer, other in _pairs(old["responses"], new["responses"]):
            place = f"{name} {status}"
            if other is None:
                yield Change(place, "the status is gone", True)
            elif answer is None:
                # Who gets a refusal of which nobody told reads its class (RFC 9110, section 15) and its problem.
                yield Change(place, "a new status", status[0] not in "45")
            else:
                yield from self._answer(place, resolved(self.old, answer), resolved(self.new, other))

    def _credentials(self, name: str, old: Node, new: Node) -> Iterator[Change]:
        before = old.get("security", self.old.get("security")) or [{}]
        after = new.get("security", self.new.get("security")) or [{}]
        for one in before:
            if not any(_opens(one, other) for other in after):
                yield Change(name, f"{_told(one)} alone does not open it any more", True)
        for one in after:
            if not any(_opens(one, other) for other in before):
                yield Change(name, f"{_told(one)} opens it now", False)
        scopes = [set(one.get("x-required-scope", "").split()) for one in (old, new)]
        if scopes[1] - scopes[0]:
            yield Change(name, f"needs the scope {' '.join(sorted(scopes[1] - scopes[0]))} too", True)

    def _parameters(self, name: str, old: list[Node], new: list[Node]) -> Iterator[Change]:
        for key, given, other in _pairs(*(_by_place(*pair) for pair in ((self.old, old), (self.new, new)))):
            place = f"{name} {key}"
            if other is None:
                yield Change(place, "the parameter is gone", True)
            elif given is None:
                is_needed = other.get("required", False)
                yield Change(place, f"a new {'required ' if is_needed else ''}parameter", is_needed)
            else:
                yield from _required(place, given, other, asked=True)
                for word in ("style", "explode", "allowReserved"):
                    if given.get(word) != other.get(word):
                        yield Change(place, f"another {word}", True)
                yield from self.schema(place, given.get("schema", {}), other.get("schema", {}), asked=True)

    def _body(self, place: str, old: Node | None, new: Node | None) -> Iterator[Change]:
        if old is None or new is None:
            if old is not new:
                is_needed = bool(resolved(self.new, new or {}).get("required"))
                yield Change(place, "none is taken any more" if new is None else "is taken now", not new or is_needed)
            return
        old, new = resolved(self.old, old), resolved(self.new, new)
        yield from _required(place, old, new, asked=True)
        yield from self._content(place, old, new, asked=True)

    def _answer(self, place: str, old: Node, new: Node) -> Iterator[Change]:
        for name, given, other in _pairs(old.get("headers", {}), new.get("headers", {})):
            if given is None or other is None:
                yield Change(f"{place} {name}", f"the header is {'new' if other else 'gone'}", other is None)
            else:
                given, other = resolved(self.old, given), resolved(self.new, other)
                yield from _required(f"{place} {name}", given, other, asked=False)
                yield from self.schema(f"{place} {name}", given.get("schema", {}), other.get("schema", {}), asked=False)
        yield from self._content(place, old, new, asked=False)
        for code, given, other in _pairs(_refusals(old), _refusals(new)):
            if given is None or other is None:
                yield Change(place, f"{code} {'goes' if given is not None else 'may come'}", False)
        for name, given, other in _pairs(old.get("links", {}), new.get("links", {})):
            links = [one and {key: one[key] for key in one.keys() - NO_RULE} for one in (given, other)]
            if links[0] != links[1]:
                what = "is gone" if other is None else "is new" if given is None else "leads elsewhere"
                yield Change(place, f"the link {name} {what}", False)

    def _content(self, place: str, old: Node, new: Node, *, asked: bool) -> Iterator[Change]:
        for kind, given, other in _pairs(old.get("content", {}), new.get("content", {})):
            if given is None or other is None:
                yield Change(f"{place} {kind}", f"the media type is {'new' if other else 'gone'}", other is None)
            else:
                yield from self.schema(f"{place} {kind}", given.get("schema", {}), other.get("schema", {}), asked=asked)

    def schema(self, place: str, old: Any, new: Any, *, asked: bool) -> Iterator[Change]:
        """What changed from one schema to another, alternative by alternative."""
        if old is new is True:
            return
        for kind, given, other in _pairs(alternatives(self.old, old), alternatives(self.new, new)):
            if given is None or other is None:
                yield _turned(
                    place, f"{kind} {'goes' if given else 'may come'}", is_narrower=other is None, asked=asked
                )
            elif NAME in given and NAME in other:
                pair = (json.dumps(given, sort_keys=True), json.dumps(other, sort_keys=True), asked)
                if pair not in self.met:
                    self.met.add(pair)
                    yield from self._rules(f"{given[NAME]} {'asked' if asked else 'told'}", given, other, asked=asked)
            else:
                yield from self._rules(place, given, other, asked=asked)

    def _rules(self, place: str, old: Node, new: Node, *, asked: bool) -> Iterator[Change]:
        yield from _bounds(place, old, new, asked=asked)
        yield from self._members(place, old, new, asked=asked)
        before, after = _left_out(old), _left_out(new)
        if before != after and asked:
            yield Change(place, f"leaving it out means {after!r}, not {before!r}", True)
        for word, mark in (("items", "[]"), ("additionalProperties", "/*"), ("propertyNames", "/(name)")):
            given, other = old.get(word, True), new.get(word, True)
            if False not in (given, other):
                yield from self.schema(f"{place}{mark}", given, other, asked=asked)
            elif given != other:
                told = f"{word} {'go' if other is False else 'may come'}"
                yield Change(f"{place}{mark}", told, asked and other is False)

    def _members(self, place: str, old: Node, new: Node, *, asked: bool) -> Iterator[Change]:
        needed = [set(one.get("required", ())) for one in (old, new)]
        for name, given, other in _pairs(properties(old), properties(new)):
            inner = f"{place}/{name}"
            if other is None:
                yield Change(inner, "the member is gone", True)
            elif given is None:
                is_needed = asked and name in needed[1]
                yield Change(inner, f"a new {'required ' if is_needed else ''}member", is_needed)
            else:
                flags = [{"required": name in names} for names in needed]
                yield from _required(inner, flags[0], flags[1], asked=asked)
                yield from self.schema(inner, given, other, asked=asked)


def _bounds(place: str, old: Node, new: Node, *, asked: bool) -> Iterator[Change]:
    """The rules that are compared by their value; of those that nobody can compare each change is one both ways."""
    for word in sorted((old.keys() | new.keys()) - NO_RULE - OF_THEIR_OWN):
        given, other = old.get(word), new.get(word)
        if given == other or word.startswith("x-"):
            continue
        told = f"{word} {given!r} became {other!r}"
        if given is None or other is None:
            yield _turned(place, told, is_narrower=given is None, asked=asked)
        elif word in AT_MOST + AT_LEAST:
            yield _turned(place, told, is_narrower=(other < given) == (word in AT_MOST), asked=asked)
        else:
            yield Change(place, told, True)
    words = [{json.dumps(word) for word in one["enum"]} if "enum" in one else None for one in (old, new)]
    if words[0] is None or words[1] is None:
        if words[0] != words[1]:
            yield _turned(place, "another set of words", is_narrower=words[0] is None, asked=asked)
        return
    for word in sorted(words[0] ^ words[1]):
        is_narrower = word in words[0]
        yield _turned(place, f"{word} {'goes' if is_narrower else 'may come'}", is_narrower=is_narrower, asked=asked)


def _turned(place: str, what: str, *, is_narrower: bool, asked: bool) -> Change:
    return Change(place, what, is_narrower == asked)


def _left_out(shape: Node) -> Any:
    """What holds where a member or a parameter is left out; of members the document says so in words."""
    told = _IN_WORDS.search(shape.get("description", ""))
    return told[1] if told else shape.get("default")


def _required(place: str, old: Node, new: Node, *, asked: bool) -> Iterator[Change]:
    before, after = (bool(one.get("required")) for one in (old, new))
    if before != after:
        yield _turned(place, "is required now" if after else "may be missing", is_narrower=after, asked=asked)


def _operations(document: Node) -> Iterator[tuple[str, Node]]:
    """Each operation under its method and path, with the parameters that it shares."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                own = item[method]
                yield (
                    f"{method.upper()} {path}",
                    {**own, "parameters": item.get("parameters", []) + own.get("parameters", [])},
                )


def _refusals(answer: Node) -> Node:
    """The codes that an answer says it can refuse with: each has its example."""
    found: Node = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    return found


def _codes(document: Node, operations: Iterable[Node]) -> Iterator[str]:
    for operation in operations:
        for answer in operation["responses"].values():
            yield from _refusals(resolved(document, answer))


def _by_place(document: Node, parameters: list[Node]) -> Node:
    known = [resolved(document, one) for one in parameters]
    return {f"{one['in']} {one['name']}": one for one in known}


def _pairs(old: Node, new: Node) -> Iterator[tuple[str, Any, Any]]:
    """What stands under each name in the one and in the other; None where there is none."""
    for name in sorted(old.keys() | new.keys()):
        yield name, old.get(name), new.get(name)


def _addresses(document: Node) -> set[str]:
    return {server["url"] for server in document.get("servers", [])}


def _opens(held: Node, wanted: Node) -> bool:
    """Whether who holds this has all that is wanted."""
    return all(name in held and set(scopes) <= set(held[name]) for name, scopes in wanted.items())


def _told(alternative: Node) -> str:
    return " and ".join(f"{name} {' '.join(scopes)}".strip() for name, scopes in alternative.items()) or "nothing"
