"""Every code that stands in the `errors` of a problem has a page, and every page is of a code that is used."""

import ast
import base64
import hashlib
import re
from collections.abc import Iterator

from flask import Flask
from flask.testing import FlaskClient

from billing_api.errors import tree
from billing_api.web.fault_codes import FAULT_CODES
from config import ROOT
from tests.factories import Tenant, line
from tests.web.refusals import codes, refused

SOURCES = sorted((ROOT / "billing_api").rglob("*.py"))
RAISING = {"Fault", "Flaw", "refuse"}
PASSED_ON = {
    "code",
    "self.code",
    "f.code",
    "fault.code",
    "refusal.code",
    "self.too_large",
    "getattr(messages, 'code', Invalid.code)",
}
"""Codes that were named elsewhere, where they are counted."""


def used(source: str) -> Iterator[str]:
    """The codes that a file names, as patterns; what is neither a text nor known to be passed on stands out."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if name in RAISING and node.args:
            yield _pattern(node.args[0])
        yield from (_pattern(keyword.value) for keyword in node.keywords if keyword.arg == "too_large")


def _pattern(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return re.escape(str(node.value))
    if isinstance(node, ast.JoinedStr):
        return "".join(_pattern(part) if isinstance(part, ast.Constant) else "[a-z]+" for part in node.values)
    text = ast.unparse(node)
    return "" if text in PASSED_ON else f"<{text}>"


def patterns() -> set[str]:
    return {pattern for path in SOURCES for pattern in used(path.read_text(encoding="utf-8")) if pattern}


def strangers(found: set[str], known: set[str]) -> list[str]:
    """What is used and not known."""
    return sorted(one for one in found if not any(re.fullmatch(one, code) for code in known))


def test_every_code_that_is_used_is_in_the_catalogue_or_is_a_refusal(app: Flask) -> None:
    found = patterns()
    assert len(found) > 60
    assert strangers(found, FAULT_CODES.keys() | {kind.code for kind in tree()}) == []


def test_every_code_of_the_catalogue_is_used_and_is_no_refusal(app: Flask) -> None:
    found = patterns() | {"out-of-range"}
    assert [code for code in FAULT_CODES if not any(re.fullmatch(one, code) for one in found)] == []
    assert FAULT_CODES.keys() & {kind.code for kind in tree()} == set()


def test_a_code_that_nobody_has_described_is_found() -> None:
    source = 'Fault("new-code", "x", "/a"); refuse("required", "x"); Fault(f"a-{b}-c", "x"); Flaw(odd(), "x")'
    found = set(used(f'{source}; Exact(1, 2, too_large="huge"); self.refuse("other", "x")'))
    assert strangers(found, {"required", "a-x-c"}) == ["<odd\\(\\)>".replace("\\", ""), "huge", "new\\-code", "other"]


def test_every_entry_says_what_it_means_and_what_to_do() -> None:
    for code, entry in FAULT_CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code)
        assert entry.code == code
        assert entry.title
        assert not entry.title.endswith("."), code
        assert len(entry.detail) > 40, code
        assert entry.detail.endswith("."), code
        assert entry.status in {400, 422}
    titles = [entry.title for entry in FAULT_CODES.values()]
    assert len(titles) == len(set(titles))


def test_each_code_of_a_fault_has_a_page_for_people_and_for_programs(client: FlaskClient) -> None:
    for code, entry in FAULT_CODES.items():
        page = client.get(f"/problems/{code}", headers={"Accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, page.mimetype) == (200, "text/html"), code
        assert f"<code>{code}</code>" in page.text
        assert "`" not in page.text
        known = client.get(f"/problems/{code}", headers={"Accept": "application/json"}).json
        assert known == {"code": code, "title": entry.title, "status": entry.status, "detail": entry.detail}


def test_faults_of_one_code_give_the_problem_its_code_its_type_and_its_title(tenant: Tenant) -> None:
    answer = tenant.post("/v1/customers", {"name": "x", "colour": "red", "billing_address": {"country": "DE", "x": 1}})
    problem = refused(answer, 422, "unknown-member")
    assert (problem["type"], problem["title"]) == ("/problems/unknown-member", FAULT_CODES["unknown-member"].title)
    assert problem["detail"] == "2 faults in the body."
    assert len(problem["errors"]) == 2


def test_one_fault_alone_is_told_in_the_detail_too(tenant: Tenant) -> None:
    problem = refused(tenant.post("/v1/customers", {}), 422, "required")
    assert problem["detail"] == problem["errors"][0]["detail"] == "This member is required."


def test_a_fault_that_only_the_domain_can_see_gives_its_code_too(tenant: Tenant) -> None:
    wrong = line(allowances=[{"amount": "5.00", "percent": "10", "base_amount": "100.00"}])
    answer = tenant.post("/v1/invoices/preview", {"currency": "EUR", "lines": [wrong]})
    problem = refused(answer, 422, "amount-mismatch")
    assert "10.00" in problem["detail"]
    answer = tenant.post("/v1/invoices/preview", {"currency": "EUR", "lines": [wrong, wrong]})
    problem = refused(answer, 422, "amount-mismatch")
    assert problem["detail"] == f"{problem['title']}."


def test_faults_of_several_codes_leave_the_problem_the_code_of_its_family(tenant: Tenant) -> None:
    refused(tenant.post("/v1/customers", {"colour": "red"}), 422, "validation-failed")
    refused(tenant.get("/v1/customers?a=1&limit=1&limit=2"), 400, "malformed-request")


def test_a_parameter_gives_the_problem_its_code_too(tenant: Tenant) -> None:
    assert refused(tenant.get("/v1/customers?a=1&b=1"), 400, "unknown-parameter")["status"] == 400
    refused(tenant.get("/v1/customers?limit=0"), 400, "out-of-range")
    refused(tenant.post_text("/v1/customers", "[]"), 400, "not-an-object")


def test_a_fault_that_is_a_refusal_elsewhere_gives_its_name_too(tenant: Tenant, other: Tenant) -> None:
    """The same fault has the same name, whichever room refuses it."""
    payment = {"customer_id": other.customer()["id"], "currency": "EUR", "amount": "1.00"}
    problem = refused(tenant.post("/v1/payments", payment), 422, "customer-not-found")
    invoice = refused(tenant.post("/v1/invoices", other.invoice_body()), 422, "customer-not-found")
    assert (problem["type"], problem["title"]) == (invoice["type"], invoice["title"])
    share = {"invoice_id": other.invoice()["id"], "amount": "1.00"}
    allocated = {**payment, "customer_id": tenant.customer()["id"], "allocations": [share]}
    refused(tenant.post("/v1/payments", allocated), 422, "invoice-not-found")


def test_a_refusal_that_has_a_name_keeps_it(tenant: Tenant) -> None:
    draft = tenant.post("/v1/invoices", {**tenant.invoice_body(), "lines": []}).json["links"]["self"]
    answer = tenant.post(f"{draft}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == {("/lines", "required")}
    refused(tenant.get("/v1/customers?cursor=x"), 400, "cursor-malformed")


def test_the_page_is_styled_by_what_it_came_with_and_by_nothing_else(client: FlaskClient) -> None:
    page = client.get("/problems/tax-rate-required")
    style = re.search(r"<style>(.*?)</style>", page.text)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "script" not in policy + page.text
    assert '<a href="/docs">' in page.text
    assert "<code>tax_rate</code> in percent" in page.text
