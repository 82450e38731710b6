"""What every refusal looks like, so that each test of the edge can demand it in a word."""

import re
from typing import Any

from werkzeug.test import TestResponse

from billing_api.errors import tree
from billing_api.web.fault_codes import FAULT_CODES

MEMBERS = {"type", "title", "status", "code", "detail", "instance", "request_id", "errors"}
LEAKS = re.compile(
    r"Traceback|File \\?\"|\.py\b|psycopg|sqlalchemy|werkzeug|marshmallow|SELECT |INSERT |UPDATE \w+ SET|pg_"
    r"|<html|<!doctype|Error\(|object at 0x",
    re.IGNORECASE,
)
"""Words that only a stack trace, a statement, a class name or a page would bring along."""


def refused(answer: TestResponse, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem of a refusal, which must be whole, with this status and, if one is named, this code."""
    assert answer.status_code == status, answer.text
    problem = problem_of(answer)
    if code is not None:
        assert problem["code"] == code
    return problem


def problem_of(answer: TestResponse) -> dict[str, Any]:
    """The problem of any refusal, in the form of RFC 9457, which tells nothing of the inside."""
    assert answer.content_type == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json
    assert problem.keys() >= MEMBERS
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", problem["code"])
    assert problem["request_id"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["title"]
    assert problem["detail"]
    told = {name: value for name, value in problem.items() if name != "instance"}
    assert not LEAKS.search(str(told)), told
    for fault in problem["errors"]:
        assert ("pointer" in fault) != ("parameter" in fault)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fault["code"])
        assert fault["detail"]
        assert fault["code"] in FAULT_CODES or fault["code"] in {kind.code for kind in tree()}, fault
    return problem


def codes(answer: TestResponse) -> set[tuple[str, str]]:
    """Each fault of a refusal: where it stands, and its code."""
    return {(fault.get("pointer", fault.get("parameter")), fault["code"]) for fault in answer.json["errors"]}
