"""The single-page example, used by a person in a real browser, on another origin than the service."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import ROOT, Config
from tests.clients import node
from tests.clients.chromium import CHROMIUM, MISSING, needs_chromium, pages
from tests.clients.node import modules
from tests.factories import PASSWORD, Tenant, sign_up
from tests.live_service import serving

__all__ = ["modules"]

EXAMPLES = ROOT / "docs" / "examples"
VISITOR = Path(__file__).with_name("visitor.mjs")
TOKEN_SECONDS = 5
"""Long enough for a request and its retry, and soon over."""

pytestmark = [node.needs_node, needs_chromium, pytest.mark.timeout(node.LONGEST_SECONDS)]


@pytest.fixture(scope="module")
def seller(app: Flask) -> Tenant:
    """Somebody with more customers than a page has."""
    tenant = sign_up(app)
    for letter in "ABCDEFG":
        tenant.customer(name=f"{letter} of the page")
    return tenant


@pytest.fixture(scope="module")
def seen(config: Config, seller: Tenant, modules: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One visit, of which each test looks at a part."""
    assert CHROMIUM, MISSING
    folder = tmp_path_factory.mktemp("single-page")
    (folder / "node_modules").symlink_to(modules)
    visitor = shutil.copy(VISITOR, folder)
    settings = {"BILLING_ACCESS_TOKEN_SECONDS": str(TOKEN_SECONDS)}
    with pages(EXAMPLES) as origin, serving(config, folder / "log", BILLING_CORS_ORIGINS=origin, **settings) as live:
        url = f"{origin}/single-page.html?api=http://127.0.0.1:{live.port}"
        person = (url, seller.email, PASSWORD, seller.second_factor().recovery_codes[0], str(TOKEN_SECONDS))
        done = node.run(visitor, CHROMIUM, folder / "profile", *person, folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in found, found["error"]
    return found


def answers(seen: dict[str, Any], method: str, path: str) -> list[dict[str, Any]]:
    """What went over the wire to one address, in order."""
    return [one for one in seen["sent"] if (one["method"], one["path"]) == (method, path)]


def test_a_wrong_password_is_told_and_a_code_is_asked_for_once_the_password_is_right(seen: dict[str, Any]) -> None:
    """Plant the flaw by letting the style of labels show one that is hidden."""
    assert seen["refusal"]
    assert seen["asksForCode"] == [False, True]
    assert [one["status"] for one in answers(seen, "POST", "/v1/auth/login")] == [401, 401, 200]


def test_customers_are_listed_page_by_page(seen: dict[str, Any]) -> None:
    assert seen["firstPage"] == [f"{letter} of the page" for letter in "ABCDE"]
    assert seen["lastPage"] == [f"{letter} of the page" for letter in "FG"]


def test_a_fault_stands_at_its_field_and_goes_with_it(seen: dict[str, Any]) -> None:
    """Plant the flaw by giving a field another pointer."""
    assert seen["fault"]["isInvalid"] == "true"
    assert seen["fault"]["told"]
    assert seen["fault"]["hasFocus"]
    assert seen["faultsAfter"] == 0


def test_a_preview_that_somebody_types_over_meanwhile_cannot_be_issued(seen: dict[str, Any]) -> None:
    """Plant the flaw by showing a preview whatever was changed since it was asked for."""
    assert seen["overtaken"] == {"canBeIssued": False, "figures": ""}


def test_the_page_is_asked_for_by_a_preflight(seen: dict[str, Any]) -> None:
    """It is of another origin, and sends JSON: the browser asks first whether it may."""
    for path in ("/v1/auth/login", "/v1/customers", "/v1/invoices"):
        assert [one["status"] for one in answers(seen, "OPTIONS", path)][:1] == [204], seen["sent"]


def test_an_expired_token_is_renewed_in_silence_and_the_request_repeated_under_its_key(seen: dict[str, Any]) -> None:
    """Plant the flaw by making a key for each sending."""
    first, second = answers(seen, "POST", "/v1/invoices")
    assert (first["status"], second["status"]) == (401, 201)
    assert first["key"] == second["key"] != ""
    wire = [(one["path"], one["status"]) for one in seen["sent"] if one["method"] == "POST"]
    start = wire.index(("/v1/invoices", 401))
    assert wire[start : start + 3] == [("/v1/invoices", 401), ("/v1/auth/refresh", 200), ("/v1/invoices", 201)]


def test_exactly_one_invoice_is_issued_at_the_total_that_was_foretold(seen: dict[str, Any], seller: Tenant) -> None:
    page = seller.get("/v1/invoices").json or {}
    (invoice,) = page["data"]
    assert (invoice["status"], invoice["total"]) == ("open", "145.63")
    assert seen["issued"].startswith(f"Issued as {invoice['number']}")
    assert seen["foretold"].endswith("Total145.63 EUR")
    assert seen["issued"].endswith("Total145.63 EUR")


def test_who_signs_out_leaves_nothing_behind(seen: dict[str, Any]) -> None:
    assert seen["isOut"] is True
    assert seen["kept"] == [0, 0, ""]
    assert answers(seen, "POST", "/v1/auth/logout")[-1]["status"] == 204
