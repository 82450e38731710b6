"""ETag, If-Match and If-None-Match: nobody overwrites what they have not seen, or is sent what they hold."""

from typing import Any

import marshmallow as ma
import pytest
from werkzeug.test import TestResponse

from tests.contract.operations import Operation, document, operations
from tests.factories import Tenant
from tests.web.refusals import codes, refused

__all__ = ["document", "operations"]

MONEY = {"amount": "1.00"}
KINDS = ["customer", "draft", "organization"]
STALE = [
    '"2"',
    '"0"',
    '"01"',
    '"x"',
    '""',
    'W/"1"',
    '"2", "3"',
    'W/"1", "2"',
    '"1,"',
    '"2,1"',
    '"-1"',
    '"99999999999"',
    '"\u00b9"',
]
NO_TAG = ["", "1", "x", '"1', '1"', "'1'", '"1" "2"', '"1",', 'w/"1"', '"a b"', "*, *", '"\x01"']


def place_of(tenant: Tenant, kind: str) -> str:
    """The path of an object, as it was just made."""
    if kind == "organization":
        return "/v1/organization"
    links: dict[str, str] = getattr(tenant, kind)()["links"]
    return links["self"]


def change(tenant: Tenant, path: str, **headers: str) -> TestResponse:
    """A change that any of them understands, and that changes something."""
    version = tenant.get(path).json["version"]
    member = "notes" if "/invoices/" in path else "phone"
    return tenant.patch(path, {member: f"{version}"}, **headers)


def tag_of(tenant: Tenant, path: str) -> str:
    tag = tenant.get(path).headers["ETag"]
    assert tag == f'"{tenant.get(path).json["version"]}"'
    return tag


@pytest.mark.parametrize("kind", KINDS)
def test_the_version_grows_with_each_change_and_the_tag_with_it(tenant: Tenant, kind: str) -> None:
    path = place_of(tenant, kind)
    before = tenant.get(path).json
    seen = [tag_of(tenant, path)]
    for n in range(1, 4):
        answer = change(tenant, path, If_Match=seen[-1])
        assert answer.status_code == 200, answer.text
        assert answer.json["version"] == before["version"] + n
        assert answer.headers["ETag"] == tag_of(tenant, path)
        assert answer.json["updated_at"] > before["updated_at"]
        assert answer.json["created_at"] == before["created_at"]
        seen.append(answer.headers["ETag"])
    assert len(set(seen)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_tag_that_is_not_the_present_one_is_412_and_changes_nothing(tenant: Tenant, kind: str) -> None:
    path = place_of(tenant, kind)
    old = tag_of(tenant, path)
    assert change(tenant, path).status_code == 200
    before = tenant.get(path).json
    for tag in (old, '"99"', f"W/{tag_of(tenant, path)}", f'"99", W/{tag_of(tenant, path)}', '"x"'):
        refused(change(tenant, path, If_Match=tag), 412, "precondition-failed")
    assert tenant.get(path).json == before
    assert change(tenant, path, If_Match="*").status_code == 200
    assert change(tenant, path, If_Match=f" {tag_of(tenant, path)} ").status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_several_tags_is_enough(tenant: Tenant, kind: str) -> None:
    path = place_of(tenant, kind)
    for tags in ('{}, "99"', '"99",{}', 'W/"7" , "a,b", {}', "{0}, {0}"):
        answer = change(tenant, path, If_Match=tags.format(tag_of(tenant, path)))
        assert answer.status_code == 200, (tags, answer.text)


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_that_there_be_none_changes_nothing(tenant: Tenant, kind: str) -> None:
    path = place_of(tenant, kind)
    before = tenant.get(path).json
    refused(change(tenant, path, If_None_Match="*"), 412, "precondition-failed")
    refused(change(tenant, path, If_None_Match="*", If_Match="*"), 412)
    refused(change(tenant, path, If_None_Match="*", If_Match=tag_of(tenant, path)), 412)
    if kind != "organization":
        refused(tenant.delete(path, If_None_Match=" * "), 412)
    assert tenant.get(path).json == before


@pytest.mark.parametrize("kind", KINDS)
def test_who_asks_that_it_be_at_no_such_version_changes_no_such_version(tenant: Tenant, kind: str) -> None:
    """RFC 9110, section 13.1.2; there a weak tag is as good. Plant the flaw by looking for `*` alone."""
    path = place_of(tenant, kind)
    tag = tag_of(tenant, path)
    for held in (tag, f"W/{tag}", f'"x", {tag}'):
        refused(change(tenant, path, If_None_Match=held), 412, "precondition-failed")
        refused(change(tenant, path, If_None_Match=held, If_Match="*"), 412)
        refused(change(tenant, path, If_None_Match=held, If_Match=tag), 412)
        if kind != "organization":
            refused(tenant.delete(path, If_None_Match=held), 412)
    assert tag_of(tenant, path) == tag
    assert change(tenant, path, If_None_Match='"99", "x"').status_code == 200
    assert change(tenant, path, If_None_Match=tag, If_Match="*").status_code == 200
    assert change(tenant, path, If_None_Match=tag, If_Match=tag_of(tenant, path)).status_code == 200


@pytest.mark.parametrize("tag", STALE)
def test_what_no_version_is_named_by_never_matches(tenant: Tenant, tag: str) -> None:
    path = place_of(tenant, "customer")
    refused(change(tenant, path, If_Match=tag.encode().decode("latin-1")), 412 if tag.isascii() else 400)
    assert tenant.get(path).json["version"] == 1


@pytest.mark.parametrize("header", NO_TAG)
def test_what_is_no_tag_is_400(tenant: Tenant, header: str) -> None:
    """Plant the flaw by taking for a tag whatever looks like one somewhere."""
    path = place_of(tenant, "customer")
    for name in ("If_Match", "If_None_Match"):
        refusals = [change(tenant, path, **{name: header})]
        refusals += [tenant.get(path, If_None_Match=header)] if name == "If_None_Match" else []
        for answer in refusals:
            refused(answer, 400, "wrong-format")
            assert codes(answer) == {(name.replace("_", "-"), "wrong-format")}
    assert tenant.get(path).json["version"] == 1


@pytest.mark.parametrize("header", ["If_Match", "If_None_Match"])
def test_a_condition_on_what_is_not_there_is_404(tenant: Tenant, other: Tenant, header: str) -> None:
    for path in (other.customer()["links"]["self"], "/v1/customers/00000000-0000-7000-8000-000000000000"):
        for tag in ('"1"', "*"):
            for method in ("GET", "PATCH", "DELETE"):
                refused(tenant.call(method, path, {} if method == "PATCH" else None, **{header: tag}), 404)


@pytest.mark.parametrize("kind", ["customer", "draft"])
def test_each_way_to_change_an_object_looks_at_the_tag(tenant: Tenant, kind: str) -> None:
    path = place_of(tenant, kind)
    body: dict[str, Any] = {"name": "x"} if kind == "customer" else tenant.invoice_body()
    assert change(tenant, path).status_code == 200
    refused(tenant.put(path, body, If_Match='"1"'), 412)
    refused(tenant.delete(path, If_Match='"1"'), 412)
    if kind == "draft":
        refused(tenant.post(f"{path}/finalize", If_Match='"1"'), 412)
    assert tenant.get(path).json["version"] == 2
    replaced = tenant.put(path, body, If_Match='"2"')
    assert replaced.status_code == 200, replaced.text
    assert tenant.delete(path, If_Match=replaced.headers["ETag"]).status_code == 204


def test_a_draft_is_issued_by_who_has_seen_its_last_version(tenant: Tenant) -> None:
    path = place_of(tenant, "draft")
    issued = tenant.post(f"{path}/finalize", If_Match='"1"')
    assert (issued.status_code, issued.json["status"]) == (200, "open")
    assert issued.headers["ETag"] == tag_of(tenant, path) != '"1"'


def test_an_upsert_looks_at_the_tag_of_what_is_there(tenant: Tenant) -> None:
    path = "/v1/customers/by-external-id/a"
    for wanted in ("*", '"1"'):
        refused(tenant.put(path, {"name": "x"}, If_None_Match='"1"', If_Match=wanted), 412)
    assert tenant.put(path, {"name": "x"}, If_None_Match='"1"').status_code == 201
    refused(tenant.put(path, {"name": "y"}, If_Match='"7"'), 412)
    refused(tenant.put(path, {"name": "y"}, If_None_Match='"1"'), 412)
    assert tenant.put(path, {"name": "y"}, If_Match='"1"').headers["ETag"] == '"2"'


def test_an_organization_may_demand_the_tag_of_every_change(tenant: Tenant) -> None:
    customer, draft = place_of(tenant, "customer"), place_of(tenant, "draft")
    assert tenant.patch("/v1/organization", {"require_if_match": True}).status_code == 200
    for path in (customer, draft, "/v1/organization"):
        refused(change(tenant, path), 428, "precondition-required")
        assert change(tenant, path, If_Match=tag_of(tenant, path)).status_code == 200
        assert change(tenant, path, If_Match="*").status_code == 200
    refused(tenant.put(customer, {"name": "x"}), 428)
    refused(tenant.delete(customer), 428)
    refused(tenant.post(f"{draft}/finalize"), 428)
    assert tenant.post("/v1/customers", {"name": "new"}).status_code == 201, "what is made has no version yet"
    by_key = "/v1/customers/by-external-id/a"
    refused(tenant.put(by_key, {"name": "x"}), 428)
    assert tenant.put(by_key, {"name": "x"}, If_None_Match="*").status_code == 201
    refused(tenant.put(by_key, {"name": "x"}, If_None_Match='"x"'), 428)
    assert tenant.get(customer).status_code == 200
    assert tenant.post("/v1/invoices/preview", tenant.invoice_body()).status_code == 200


def test_people_change_their_name_under_the_tag_of_their_user(tenant: Tenant) -> None:
    """Plant the flaw by `matches=False` at `PATCH /v1/me`, or by leaving the version out of `rename`."""
    colleagues_view = f"/v1/users/{tenant.user_id}"
    tag = tenant.get("/v1/me").headers["ETag"]
    assert tag == tag_of(tenant, colleagues_view)
    refused(tenant.patch("/v1/me", {"name": "x"}, If_Match='"77"'), 412, "precondition-failed")
    renamed = tenant.patch("/v1/me", {"name": "x"}, If_Match=tag)
    assert renamed.headers["ETag"] == f'"{renamed.json["user"]["version"]}"' == tag_of(tenant, colleagues_view) != tag
    refused(tenant.patch("/v1/me", {"name": "y"}, If_Match=tag), 412)
    refused(tenant.patch(colleagues_view, {"name": "y"}, If_Match=tag), 412)
    assert tenant.get("/v1/me").json["user"]["name"] == "x"


def test_who_i_am_is_never_said_to_be_as_it_was(tenant: Tenant) -> None:
    """The organization in it changes, and the tag is the user's. Plant the flaw by answering 304."""
    answer = tenant.get("/v1/me", If_None_Match=tenant.get("/v1/me").headers["ETag"])
    assert (answer.status_code, answer.json["user"]["version"]) == (200, 1)
    key = tenant.post("/v1/api-keys", {"name": "x", "scopes": ["customers:read"]}).json["secret"]
    assert "ETag" not in tenant.client.get("/v1/me", headers={"X-API-Key": key}).headers, "it has no user"


def test_an_organization_is_closed_by_who_has_seen_its_last_version(tenant: Tenant) -> None:
    """Plant the flaw by leaving the version out of `close`."""
    path, body = "/v1/organization/close?dry_run=true", {"name": tenant.get("/v1/organization").json["name"]}
    refused(tenant.post(path, body, If_Match='"77"'), 412, "precondition-failed")
    assert tenant.patch("/v1/organization", {"require_if_match": True}).status_code == 200
    refused(tenant.post(path, body), 428, "precondition-required")
    refused(tenant.patch("/v1/me", {"name": "x"}), 428)
    assert tenant.post(path, body, If_Match=tag_of(tenant, "/v1/organization")).status_code == 200
    assert tenant.patch("/v1/me", {"name": "x"}, If_Match="*").status_code == 200


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_holds_the_version_is_told_so_without_a_body(tenant: Tenant, kind: str, method: str) -> None:
    path = place_of(tenant, kind)
    tag = tag_of(tenant, path)
    for known in (tag, f"W/{tag}", f'"x", {tag}', f'{tag},"x"', "*", f" {tag} "):
        answer = tenant.call(method, path, If_None_Match=known)
        assert (answer.status_code, answer.data) == (304, b""), known
        assert answer.headers["ETag"] == tag
        assert answer.headers["X-Request-Id"]
        assert "Origin" in answer.headers["Vary"]
        assert "Content-Type" not in answer.headers
    for unknown in ('"x"', '"99"', f'"{tag[1:-1]}9"', '"", W/"x"'):
        answer = tenant.call(method, path, If_None_Match=unknown)
        assert answer.status_code == 200, unknown
        assert answer.headers["ETag"] == tag
    assert change(tenant, path).status_code == 200
    assert tenant.call(method, path, If_None_Match=tag).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_known_is_not_written_out_again(tenant: Tenant, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant the flaw by comparing the tag of what was dumped."""
    path = place_of(tenant, kind)
    tag = tag_of(tenant, path)

    def dump(*_: Any, **__: Any) -> None:
        raise AssertionError("it was written out")

    monkeypatch.setattr(ma.Schema, "dump", dump)
    assert tenant.get(path, If_None_Match=tag).status_code == 304


def test_only_a_plain_object_has_a_tag(tenant: Tenant) -> None:
    """An answer with the customer in it changes when the customer does, and the invoice's version does not say so."""
    path = place_of(tenant, "draft")
    assert "ETag" not in tenant.get(f"{path}?include=customer").headers
    assert tenant.get(f"{path}?include=customer", If_None_Match='"1"').status_code == 200
    assert "ETag" not in tenant.get("/v1/invoices").headers
    assert "ETag" not in tenant.post("/v1/invoices/preview", tenant.invoice_body()).headers
    assert "ETag" not in tenant.delete(path).headers


def test_a_refusal_has_no_tag(tenant: Tenant) -> None:
    path = place_of(tenant, "customer")
    for answer in (tenant.patch(path, {"name": ""}), change(tenant, path, If_Match='"9"'), tenant.get(f"{path}x")):
        assert answer.status_code >= 400
        assert "ETag" not in answer.headers


def test_every_deed_on_an_object_looks_at_its_tag(tenant: Tenant, operations: list[Operation]) -> None:
    """What the document says of If-Match holds for each action: none goes through with a version that never was."""
    places = {"invoice_id": tenant.invoice()["id"], "payment_id": tenant.payment(tenant.invoice())["id"]}
    said = {"reason": "x"}
    bodies = {"void": said, "reverse": said, "revise": said, "payments": MONEY, "refunds": MONEY}
    tried = set()
    for one in operations:
        action = one.path.rpartition("/")[2]
        if (
            one.method == "POST"
            and "If-Match" in one.parameters()
            and any(f"{{{name}}}" in one.path for name in places)
        ):
            answer = tenant.post(one.path.format_map(places), bodies.get(action), If_Match='"99"')
            refused(answer, 412, "precondition-failed")
            tried.add(action)
    assert tried >= {"finalize", "void", "duplicate", "payments", "apply-balance", "refunds", "reverse", "mark-sent"}
