"""What the document shows as examples: bodies that work, and answers that the service really gives."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from tests.contract.operations import Operation, document, lacking, operations
from tests.contract.story import examples, tell
from tests.factories import Tenant

__all__ = ["document", "operations"]


def test_every_body_has_examples_that_fit_its_schema(operations: list[Operation]) -> None:
    def faults(one: Operation) -> Iterator[str]:
        content = one.said.get("requestBody", {}).get("content", {})
        if one.method in {"PUT", "PATCH"} and not content:
            yield "a body"
        if one.method == "PATCH" and "application/merge-patch+json" not in content:
            yield "merge patches"
        for kind, media in content.items():
            if not media.get("examples"):
                yield f"an example of {kind}"
            for name, example in media.get("examples", {}).items():
                yield from (f"{name}: {error}" for error in errors(one.document, media["schema"], example["value"]))

    assert lacking(operations, faults) == []


def test_every_example_of_an_answer_fits_its_schema(operations: list[Operation]) -> None:
    def faults(one: Operation) -> Iterator[str]:
        for status, answer in one.answers().items():
            for media in answer.get("content", {}).values():
                values = [one.resolved(example)["value"] for example in media.get("examples", {}).values()]
                for value in [*values, *([media["example"]] if "example" in media else [])]:
                    yield from (f"{status}: {error}" for error in errors(one.document, media["schema"], value))

    assert lacking(operations, faults) == []


def test_every_operation_answers_what_its_example_shows(
    client: FlaskClient, tenant: Tenant, document: dict[str, Any], operations: list[Operation]
) -> None:
    """The example has the members of the real answer, which fits the schema and carries no header unsaid."""
    by_id = {one.said["operationId"]: one for one in operations}
    told = set()
    for name, answer in tell(client, tenant, document):
        one = by_id[name]
        said = one.answer(answer.status_code)
        assert answer.status_code in one.success(), (name, answer.text)
        assert {"ETag", "Location", "Link", "Dry-Run"} & {*answer.headers.keys()} <= said.get("headers", {}).keys(), (
            name
        )
        told.add(name)
        if answer.status_code == 204:
            continue
        media = said["content"][answer.mimetype]
        if answer.mimetype == "application/json" and name != "contract_openapi":
            assert list(errors(document, media["schema"], answer.json)) == [], name
            assert list(differences(media["example"], answer.json)) == [], f"{name} in billing_api/web/answers.json"
    assert told == by_id.keys()


@pytest.mark.parametrize("place", ["invoices_create", "invoices_preview", "customers_create", "auth_sign_up"])
def test_a_body_that_the_document_shows_works_when_it_is_sent(
    tenant: Tenant, document: dict[str, Any], place: str
) -> None:
    path = next(path for path, item in document["paths"].items() if item.get("post", {}).get("operationId") == place)
    for body in examples(document, place):
        if "customer_id" in body:
            body = {**body, "customer_id": tenant.customer()["id"]}
        answer = tenant.post(path, {**body, "email": f"{place}-{tenant.email}"} if "email" in body else body)
        assert answer.status_code in {200, 201}, answer.text


def errors(document: dict[str, Any], schema: dict[str, Any], value: Any) -> Iterator[str]:
    """Where a value breaks a schema of the document."""
    whole = {**schema, "components": document["components"]}
    validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message[:200]}"


def differences(shown: Any, real: Any, path: str = "$") -> Iterator[str]:
    """Members that only one of the two has; of a list the first item speaks for all, and null for anything."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if path.endswith((".metadata", ".data")) and "name" not in shown:
            return
        for name in shown.keys() | real.keys():
            if name in shown and name in real:
                yield from differences(shown[name], real[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(shown, list) and isinstance(real, list) and shown and real:
        yield from differences(shown[0], real[0], f"{path}[0]")
