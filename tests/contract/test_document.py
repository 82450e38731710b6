"""The OpenAPI document is complete, for every rule that the service answers, and the committed one is up to date."""

import re
from collections.abc import Iterator
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from billing_api import create_app
from billing_api.domain.access import SCOPES
from billing_api.web.descriptions import DESCRIPTIONS, names
from config import ROOT, Config
from tests.commands import typed
from tests.contract.operations import Operation, document, lacking, operations
from tests.live_service import together

__all__ = ["document", "operations"]

WITHOUT_CREDENTIAL = {
    "/v1/auth/sign-up", "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/token", "/v1/auth/accept-invitation",
    "/v1/auth/password-reset", "/v1/auth/password-reset/confirm",
}  # fmt: skip
OF_OAUTH = {"/v1/auth/token"}
"""Refused in the form of RFC 6749."""
OF_SECOND_FACTOR = {
    "/v1/me/second-factor", "/v1/me/second-factor/verify", "/v1/me/second-factor/recovery-codes",
    "/v1/me/second-factor/disable",
}  # fmt: skip
WITHOUT_SCOPE = {
    "/v1/auth/logout", "/v1/me", "/v1/me/password", "/v1/me/sessions", "/v1/me/sessions/{session_id}",
    *OF_SECOND_FACTOR,
}  # fmt: skip
"""The doors that a limited session opens."""
WITHOUT_VERSION = {"/v1/me/password", "/v1/me/sessions", "/v1/me/sessions/{session_id}"}
"""A session has none, and whoever sets a new password says the present one."""
OF_A_PART = {"/v1/me"}
"""What is shown and changed there as one object has its tag from the `user` in it."""
WITH_SECRETS = {"/v1/me/password", *OF_SECOND_FACTOR}
"""What they answer is kept nowhere, so nothing of it can be tried or repeated."""
MOVING = {"/v1/api-keys/{key_id}", "/v1/invitations/{invitation_id}", "/v1/number-series/{series_id}"}
"""What they show changes without a new version, so that none of them answers 304."""
KEPT = {"/v1/customers/{customer_id}", "/v1/invoices/{invoice_id}"}
"""What they show is kept for all processes, where there is a Redis, and each answer says whether it was."""
SAID_OF_HEADERS = {"description", "schema"}
COMMITTED = ROOT / "docs" / "openapi.json"
RENEW = "billing-api openapi --output docs/openapi.json"
CHANGES = {"PUT", "PATCH", "DELETE"}


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_all_who_ask_first_at_one_moment_get_the_whole_document(config: Config, document: dict[str, Any]) -> None:
    """It is written when it is first asked for. Plant the flaw by letting several write it at once."""
    api = create_app(config).extensions["api"]
    assert all(found == document for found in together([lambda: api.document] * 4))


def test_the_document_and_the_url_map_name_the_same_operations(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    said = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item.keys() - {"parameters"}
    }
    assert sorted((one.method, one.path) for one in operations) == sorted(said)


def test_every_operation_says_what_it_is_and_whom_it_is_for(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    tags = {tag["name"]: tag.get("description") for tag in document["tags"]}
    schemes = document["components"]["securitySchemes"]

    def faults(one: Operation) -> Iterator[str]:
        yield from (word for word in ("operationId", "summary", "description") if not one.said.get(word))
        if one.said.get("description", "").startswith("Needs the scope"):
            yield "more than its scope"
        if not one.said.get("tags") or not all(tags.get(tag) for tag in one.said["tags"]):
            yield "a tag that is described"
        if "security" not in one.said:
            yield "security, or that there is none"
        for alternative in one.said.get("security", []):
            yield from (f"the scheme {name}" for name in alternative.keys() - schemes.keys())
            yield from (f"the scope {scope}" for scope in set(alternative.get("accessToken", [])) - SCOPES)
        for name, parameter in one.parameters().items():
            if not parameter.get("schema"):
                yield f"what {name} is"

    assert lacking(operations, faults) == []
    ids = [one.said["operationId"] for one in operations]
    assert len(ids) == len(set(ids))


def test_every_operation_on_data_asks_for_a_credential_and_says_what_happens_without(
    operations: list[Operation],
) -> None:
    def faults(one: Operation) -> Iterator[str]:
        asked = [found["accessToken"] for found in one.said.get("security", []) if "accessToken" in found]
        if bool(asked) != (one.path.startswith("/v1/") and one.path not in WITHOUT_CREDENTIAL):
            yield "the right credential"
        if asked and 401 not in one.answers():
            yield "what it says without a good credential"
        if asked and asked[0] and 403 not in one.answers():
            yield "what it says without the scope"
        if asked and not asked[0] and one.path not in WITHOUT_SCOPE:
            yield "a scope"

    assert lacking(operations, faults) == []


def test_every_answer_is_described_with_its_form_its_headers_and_an_example(operations: list[Operation]) -> None:
    def faults(one: Operation) -> Iterator[str]:
        if not one.success():
            yield "an answer of success"
        for status, answer in one.answers().items():
            if not answer.get("description"):
                yield f"{status}: a description"
            yield from (f"{status}: {fault}" for fault in faults_of_content(answer, is_empty=status in {204, 304}))
            if "X-Request-Id" not in answer.get("headers", {}):
                yield f"{status}: X-Request-Id"
            headers = {name: one.resolved(given) for name, given in answer.get("headers", {}).items()}
            yield from (f"{status}: what {name} is" for name in headers if not headers[name].keys() >= SAID_OF_HEADERS)

    assert lacking(operations, faults) == []


def faults_of_content(answer: dict[str, Any], is_empty: bool) -> Iterator[str]:
    if bool(answer.get("content")) == is_empty:
        yield "a body, or none"
    for kind, media in answer.get("content", {}).items():
        if not media.get("schema"):
            yield f"the form of {kind}"
        if not media.get("example") and not media.get("examples"):
            yield f"an example of {kind}"


def test_every_member_of_every_body_says_what_it_means(document: dict[str, Any]) -> None:
    schemas = {name: schema for name, schema in document["components"]["schemas"].items() if "properties" in schema}
    assert len(schemas) > 40
    missing = [
        f"{name}.{member}"
        for name, schema in schemas.items()
        for member, shape in schema["properties"].items()
        if not re.fullmatch(r"[A-Z`0-9].*\.", shape.get("description", ""))
    ]
    assert missing == [], "in billing_api/web/descriptions.json"


def test_every_description_of_a_member_is_shown(document: dict[str, Any]) -> None:
    shown = {
        entry
        for name, schema in document["components"]["schemas"].items()
        for member, shape in schema.get("properties", {}).items()
        for entry in names(name, member)
        if DESCRIPTIONS.get(entry) == shape["description"].partition(" Left out: `")[0]
    }
    assert DESCRIPTIONS.keys() - shown == set()


def test_what_holds_for_a_member_that_is_left_out_is_said_in_words(document: dict[str, Any]) -> None:
    """Whoever has types made takes a member with a `default` for one that is always there. Plant the flaw by leaving
    the defaults where they are."""
    schemas = document["components"]["schemas"]
    shapes = {
        (name, member): shape
        for name, schema in schemas.items()
        for member, shape in schema.get("properties", {}).items()
    }
    assert [place for place, shape in shapes.items() if "default" in shape] == []
    assert shapes["InvoiceInput", "type_code"]["description"].endswith("Left out: `380`.")
    assert shapes["InvoiceInput", "finalize"]["description"].endswith("Left out: `false`.")


def test_only_a_preview_lacks_what_every_document_has(document: dict[str, Any]) -> None:
    """Plant the flaw by showing a preview in the schema of what is kept."""
    schemas = document["components"]["schemas"]
    for name in ("Invoice", "CreditNote"):
        for member in ("id", "status", "customer_id", "created_at", "version"):
            kept, foretold = (schemas[f"{name}{form}"]["properties"][member] for form in ("Output", "PreviewOutput"))
            assert (isinstance(kept["type"], str), "null" in foretold["type"]) == (True, True), (name, member)


def is_deed(one: Operation) -> bool:
    """Whether something is done with an object that is there: its path names it, or it comes back as no new one."""
    comes_back = one.members(one.answer(200)) >= {"id", "version", "links"} and not one.path.endswith("/preview")
    return one.method == "POST" and ("{" in one.path or comes_back)


def test_every_write_says_how_it_is_repeated_tried_and_guarded(operations: list[Operation]) -> None:
    """Plant the flaw by letting `close` say nothing of `matches`, or by `matches=False` at `PATCH /v1/me`."""

    def faults(one: Operation) -> Iterator[str]:
        keeps = (
            one.path.startswith("/v1/")
            and not one.path.startswith("/v1/auth/")
            and not one.path.endswith("/preview")
            and one.path not in WITH_SECRETS
        )
        parameters, success = one.parameters(), one.success()
        if keeps and one.method != "GET" and "dry_run" not in parameters:
            yield "dry_run"
        if keeps and one.method == "POST" and "Idempotency-Key" not in parameters:
            yield "Idempotency-Key"
        if (
            keeps
            and one.path not in WITHOUT_VERSION
            and (one.method in CHANGES or is_deed(one))
            and "If-Match" not in parameters
        ):
            yield "If-Match"
        for status, answer in success.items():
            headers = answer.get("headers", {}).keys()
            is_object = one.members(answer) >= {"id", "version", "links"}
            is_tagged = (is_object and (keeps or one.method == "GET")) or one.path in OF_A_PART
            wanted = {"ETag"} if is_tagged else set()
            wanted |= {"Location"} if status == 201 else set()
            wanted |= {"Link"} if "next_cursor" in one.members(answer) else set()
            wanted |= {"Dry-Run"} if "dry_run" in parameters else set()
            wanted |= {"Idempotency-Replayed"} if "Idempotency-Key" in parameters else set()
            wanted |= {"Accept-Patch"} if one.method == "PATCH" else set()
            wanted |= {"X-Cache"} if one.method == "GET" and one.path in KEPT else set()
            wanted |= {"RateLimit", "RateLimit-Policy"} if one.path.startswith("/v1/") else set()
            if headers - {"X-Request-Id"} != wanted:
                yield f"{status}: {sorted(wanted ^ (headers - {'X-Request-Id'}))}"
            if one.method == "GET" and is_object:
                is_conditional = one.path not in MOVING
                if {"If-None-Match" in parameters, bool(one.answer(304))} != {is_conditional}:
                    yield "304"

    assert lacking(operations, faults) == []


def test_the_committed_document_is_that_of_this_release() -> None:
    """Written by a process of its own: it lists the refusals that a process knows, and tests import more of them."""
    written = typed("openapi", env={"BILLING_ENV": "test"})
    assert (written.returncode, written.stderr) == (0, "")
    assert COMMITTED.read_text(encoding="utf-8") == written.stdout, f"renew it: {RENEW}"


def test_a_link_leads_to_everything_that_takes_an_id(operations: list[Operation]) -> None:
    """From where the object was made, or from its list. Plant the flaw by following no list, or no filter."""
    links = {name: link for one in operations for answer in one.success().values() for name, link in linked(answer)}
    taking = {one.said["operationId"] for one in operations if re.search(r"\{\w+_id\}", one.path)}
    assert taking - links.keys() == {"customers_upsert"}
    filtered = {name for name, link in links.items() if any(key.startswith("query.") for key in link["parameters"])}
    assert {"invoices_search", "payments_search", "credit_notes_search", "ledger_search"} <= filtered
    by_id = {one.said["operationId"]: one for one in operations}
    assert {"customers_update", "invoices_search"} <= dict(linked(by_id["customers_create"].answer(201))).keys()
    for name, link in links.items():
        places = [key.split(".", 1) for key in link["parameters"]]
        assert all(by_id[name].parameters()[key]["in"] == place for place, key in places), name


def linked(answer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from answer.get("links", {}).items()
