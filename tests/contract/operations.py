"""The operations of the OpenAPI document, one for each rule that the service answers."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

NOT_IN_THE_DOCUMENT = {"/docs", "/docs/", "/docs/<path:path>"}
"""The page that shows it."""
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Operation:
    """One of the document, with what the address and the method ask of it."""

    method: str
    path: str
    said: dict[str, Any]
    document: dict[str, Any]

    def resolved(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            kind, name = node["$ref"].split("/")[2:]
            node = self.document["components"][kind][name]
        return node

    def answer(self, status: int) -> dict[str, Any]:
        found: dict[str, Any] = self.resolved(self.said["responses"].get(str(status), {}))
        return found

    def answers(self) -> dict[int, dict[str, Any]]:
        return {int(status): self.answer(int(status)) for status in self.said["responses"]}

    def success(self) -> dict[int, dict[str, Any]]:
        return {status: answer for status, answer in self.answers().items() if status < 300}

    def parameters(self) -> dict[str, dict[str, Any]]:
        shared = self.document["paths"][self.path].get("parameters", [])
        found = [self.resolved(one) for one in [*shared, *self.said.get("parameters", [])]]
        return {one["name"]: one for one in found}

    def members(self, answer: dict[str, Any]) -> set[str]:
        schema = self.resolved(answer.get("content", {}).get("application/json", {}).get("schema", {}))
        return set(schema.get("properties", {}))


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    with app.app_context():
        found: dict[str, Any] = app.extensions["api"].document
    return found


@pytest.fixture(scope="module")
def operations(app: Flask, document: dict[str, Any]) -> list[Operation]:
    """Those of the url map; one that the document lacks is described by nothing, and fails each test."""
    rules = [
        (method, re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule not in NOT_IN_THE_DOCUMENT
        for method in sorted((rule.methods or set()) & METHODS)
    ]
    return [
        Operation(method, path, document["paths"].get(path, {}).get(method.lower(), {"responses": {}}), document)
        for method, path in rules
    ]


def lacking(operations: list[Operation], faults: Callable[[Operation], Iterable[str]]) -> list[str]:
    """What the operations lack, each named."""
    return [f"{one.method} {one.path}: {fault}" for one in operations for fault in faults(one)]
