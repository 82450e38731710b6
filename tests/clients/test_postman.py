"""The Postman collection: it is what the document makes of it, and newman runs all of it, from sign-up to the end."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import Config
from tests.clients import node
from tests.clients.node import modules
from tests.clients.postman.collection import COLLECTION, DOCUMENT, ENVIRONMENT, FOLDER, SECRET, files
from tests.contract.operations import METHODS
from tests.live_service import LiveService, serving

__all__ = ["modules"]

RENEW = "python -m tests.clients.postman"
DEFAULTS = {"BILLING_RATE_LIMIT": "6000", "BILLING_RATE_LIMIT_ADDRESS": "600"}
"""Limits as a deployment has them: a run must not come near them."""


def committed(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def requests() -> Iterator[dict[str, Any]]:
    """All of the collection."""
    for folder in committed(COLLECTION)["item"]:
        yield from folder["item"]


def operation(item: dict[str, Any]) -> tuple[str, str]:
    """Method and path of a request, as the document writes them."""
    parts = [f"{{{part[1:]}}}" if part.startswith(":") else part for part in item["request"]["url"]["path"]]
    return item["request"]["method"], f"/{'/'.join(parts)}"


def scripts(item: dict[str, Any]) -> str:
    """What runs after the answer to a request."""
    return "\n".join(line for one in item["event"] if one["listen"] == "test" for line in one["script"]["exec"])


@pytest.fixture(scope="module")
def report(config: Config, app: Flask, modules: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of the whole collection against the service, of which each test looks at a part."""
    folder = tmp_path_factory.mktemp("postman")
    with serving(config, folder / "log", **DEFAULTS) as live:
        return newman(modules, live, folder / "report.json")


def newman(modules: Path, live: LiveService, path: Path, *words: str) -> dict[str, Any]:
    """What newman reports of a run."""
    files = [FOLDER / COLLECTION, "--environment", FOLDER / ENVIRONMENT]
    address = ["--env-var", f"base_url=http://127.0.0.1:{live.port}"]
    output = ["--reporters", "json", "--reporter-json-export", path, "--color", "off"]
    done = node.run(modules / "newman" / "bin" / "newman.js", "run", *files, *address, *output, *words)
    assert path.exists(), done.stdout + done.stderr
    found: dict[str, Any] = {"code": done.returncode, **json.loads(path.read_text(encoding="utf-8"))["run"]}
    return found


def failures(report: dict[str, Any]) -> list[str]:
    """Where each failure is, and what it says."""
    return [f"{one['source']['name']}: {one['error']['test']}" for one in report["failures"]]


def test_the_committed_files_are_what_the_document_makes_of_them() -> None:
    """Plant the flaw by changing an example in the document, and committing that alone."""
    for name, text in files().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"renew it: {RENEW}"


def test_every_operation_of_the_document_is_in_the_collection_and_no_other() -> None:
    """Plant the flaw by taking a step out of the walk."""
    paths = json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"]
    said = {(method.upper(), path) for path, item in paths.items() for method in item if method.upper() in METHODS}
    assert {operation(item) for item in requests()} == said


def test_every_request_tests_its_status_its_id_and_its_form() -> None:
    """Plant the flaw by returning from `tests` before the body is looked at."""
    for item in requests():
        script = scripts(item)
        assert 'pm.test("The status is ' in script, item["name"]
        assert 'headers.get("X-Request-Id")' in script, item["name"]
        assert ("There is no body" in script) != ("The body is " in script), item["name"]


def test_members_that_the_document_requires_are_asked_for() -> None:
    asked = [item for item in requests() if "include.all.keys" in scripts(item)]
    assert len(asked) > 90
    (made,) = [item for item in asked if operation(item) == ("POST", "/v1/customers")]
    for name in ("id", "version", "billing_address"):
        assert f'"{name}"' in scripts(made)


def test_whatever_opens_something_is_a_secret_of_the_environment() -> None:
    values = {one["key"]: one["type"] for one in committed(ENVIRONMENT)["values"]}
    assert values["access_token"] == values["refresh_token"] == values["password"] == values["key_secret"] == "secret"
    assert {kind for name, kind in values.items() if not SECRET.search(name)} == {"default"}


def test_every_variable_that_a_request_reads_is_in_the_environment() -> None:
    """Plant the flaw by leaving the variables of scripts out of the environment."""
    values = {one["key"] for one in committed(ENVIRONMENT)["values"]}
    text = json.dumps([item["request"] for item in requests()])
    read = {part.split("}}")[0] for part in text.split("{{")[1:]}
    assert {name for name in read if not name.startswith("$")} - values - unread_etags(values) == set()


def unread_etags(values: set[str]) -> set[str]:
    """Versions that are shown with a header that is switched off, and that no answer gives."""
    headers = [header for item in requests() for header in item["request"]["header"] if header.get("disabled")]
    return {header["value"].strip("{}") for header in headers if header["value"].endswith("_etag}}")} - values


@node.needs_node
@pytest.mark.timeout(node.LONGEST_SECONDS)
def test_newman_runs_the_whole_collection_without_a_failure(report: dict[str, Any]) -> None:
    """Plant the flaw by leaving a required member of a body out of its answer, or a step out of its order."""
    assert failures(report) == []
    assert report["code"] == 0
    assert {name: count["failed"] for name, count in report["stats"].items() if count["failed"]} == {}


@node.needs_node
@pytest.mark.timeout(node.LONGEST_SECONDS)
def test_newman_sends_each_request_once_and_asserts_something_of_each(report: dict[str, Any]) -> None:
    ran = Counter(one["item"]["id"] for one in report["executions"])
    assert ran == Counter(item["id"] for item in requests())
    assert report["stats"]["requests"]["total"] == len(ran)
    assert all(len(one["assertions"]) >= 3 for one in report["executions"])


@node.needs_node
@pytest.mark.timeout(node.LONGEST_SECONDS)
def test_nearly_every_operation_succeeds(report: dict[str, Any]) -> None:
    """Only what takes a mail, or somebody who came in by one, is refused."""
    by_id = {item["id"]: operation(item) for item in requests()}
    refused = {by_id[one["item"]["id"]] for one in report["executions"] if one["response"]["code"] >= 400}
    assert refused == {
        ("POST", "/v1/auth/accept-invitation"),
        ("POST", "/v1/auth/password-reset/confirm"),
        ("DELETE", "/v1/users/{user_id}"),
        ("DELETE", "/v1/users/{user_id}/second-factor"),
    }


@node.needs_node
@pytest.mark.timeout(node.LONGEST_SECONDS)
def test_an_answer_that_is_not_the_expected_one_fails_in_newman(
    live: LiveService, modules: Path, tmp_path: Path
) -> None:
    """Nobody has logged in: plant the flaw by testing nothing of a status."""
    report = newman(modules, live, tmp_path / "report.json", "--folder", "Organization")
    assert report["code"] == 1
    assert "Read the organization: The status is 200" in failures(report)
