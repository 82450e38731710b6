"""Every code of a problem or of a fault can be met, by a way that is written down, and its page says what to do."""

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing_api.embedded import Addresses
from billing_api.errors import tree
from billing_api.web.answers import REFUSALS
from billing_api.web.components import codes
from billing_api.web.fault_codes import FAULT_CODES
from config import Config
from tests.factories import Tenant, sign_up
from tests.live_service import LiveService, serving
from tests.problems import (
    of_documents,
    of_failures,
    of_files,
    of_members,
    of_money,
    of_people,
    of_requests,
    of_resources,
    of_the_wire,
)
from tests.problems.scene import Scene, Way, asking
from tests.problems.stable import stable, without_numbers
from tests.web.refusals import problem_of

ROOMS = (of_requests, of_members, of_documents, of_resources, of_money, of_people, of_the_wire, of_failures)
WAYS: dict[str, Way] = {code: way for room in ROOMS for code, way in room.WAYS.items()}
OF_OAUTH = {"invalid-client", "invalid-scope", "unsupported-grant-type"}
"""Met at one door alone, which tells them in the form of RFC 6749."""
NONE: dict[str, Any] = {"detail": "", "errors": []}
REMEDIES = re.compile(
    r"(?:^|[.:;,] |\b(?:and|or|then|it|else|before|otherwise) )`?(add|ask|apply|archive|begin|call|change|check|choose|"
    r"compare|copy|correct|create|credit|delete|finalize|find|give|issue|keep|leave|log in|lower|make|mend|name|pay|"
    r"put|read|record|refund|reverse|round|say|send|set|shorten|take|tell|try|use|wait|write|POST|PATCH|PUT)\b",
    re.IGNORECASE,
)
"""A sentence, or its end, that tells its reader to do something."""


@pytest.fixture(scope="module")
def shared(app: Flask) -> Tenant:
    return sign_up(app)


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], LiveService]]:
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start() -> LiveService:
            return stack.enter_context(serving(config, tmp_path_factory.mktemp("served") / "log", WORKERS="1"))

        yield start


@pytest.fixture
def scene(
    app: Flask,
    shared: Tenant,
    config: Config,
    addresses: Addresses,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    served: Callable[[], LiveService],
) -> Scene:
    return Scene(app, shared, config, addresses, monkeypatch, tmp_path, served)


SHOWN = {kind.code for kind in tree() if kind.__doc__} - OF_OAUTH - of_files.WAYS.keys() - {"method-not-allowed"}
"""What is shown at an operation; where a method is not allowed there is none."""
OF_FAULTS: dict[str, Way] = {
    "out-of-range": asking("GET", "/v1/customers?limit=0"),
    "unknown-member": WAYS["unknown-member"],
    "unknown-parameter": WAYS["unknown-parameter"],
}
"""What the document shows of problems that take their code over from their faults."""


@pytest.mark.parametrize("code", sorted(SHOWN | OF_FAULTS.keys()))
def test_the_document_shows_what_the_service_answers_with_this_code(scene: Scene, code: str) -> None:
    """Plant the flaw by leaving a member out of a refusal, or by another pointer or word in it."""
    met = stable(problem_of({**WAYS, **OF_FAULTS}[code](scene)))
    assert met["code"] == code
    entry = json.dumps({code: met}, indent=2, ensure_ascii=False)
    assert without_numbers(REFUSALS.get(code, NONE)) == without_numbers(met), f"in web/refusals.json: {entry}"


def test_the_document_shows_no_refusal_that_is_not_met() -> None:
    assert list(REFUSALS) == sorted(SHOWN | OF_FAULTS.keys())


@pytest.mark.parametrize("code", codes())
def test_a_code_can_be_met_and_its_page_says_what_to_do(scene: Scene, code: str) -> None:
    """Plant the flaw by adding an entry to `fault_codes.json`, or a leaf to a tree of refusals, that nothing raises."""
    page = scene.client.get(f"/problems/{code}", headers={"Accept": "application/json"}).json
    assert page.keys() == {"code", "title", "status", "detail"}
    assert REMEDIES.search(page["detail"]), page["detail"]
    if code in of_files.WAYS:
        assert code in of_files.WAYS[code](scene)
        return
    answer = WAYS[code](scene)
    assert code in told(answer), answer.text
    if code in {kind.code for kind in tree()}:
        assert answer.status_code == page["status"]
    else:
        assert answer.status_code == (400 if is_outside_the_body(answer) else page["status"])
    assert ("WWW-Authenticate" in answer.headers) or answer.status_code != 401
    assert re.fullmatch("[1-9][0-9]*", answer.headers.get("Retry-After", "")) or answer.status_code not in {429, 503}


def told(answer: TestResponse) -> set[str]:
    """The code of a refusal, and those of its faults."""
    body: dict[str, Any] = answer.json
    if "error" in body:
        return {body["error"].replace("_", "-")} & OF_OAUTH
    problem = problem_of(answer)
    return {problem["code"], *(fault["code"] for fault in problem["errors"])}


def is_outside_the_body(answer: TestResponse) -> bool:
    """Whether its faults are of the query or of a header."""
    return all("parameter" in fault for fault in answer.json["errors"])


def test_no_way_is_written_down_that_leads_nowhere_or_twice() -> None:
    written = [code for room in (*ROOMS, of_files) for code in room.WAYS]
    assert sorted(written) == codes()
    assert FAULT_CODES.keys() <= {*written}
