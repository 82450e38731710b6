"""Ways to what only a file of `billing-api import` meets; each gives the codes of its rejected records."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from billing_api.errors import BillingError
from billing_api.import_command import imports
from tests.factories import Tenant, line
from tests.importing.conftest import jsonl, old, sheet
from tests.problems.scene import Scene

LINE = {"line.description": "Work", "line.quantity": "1", "line.unit_price": "1.00", "line.tax_rate": "19"}


def taken(scene: Scene, tenant: Tenant, *rows: dict[str, Any], kind: str = "jsonl") -> str:
    """What the command tells of these invoices."""
    path = (jsonl if kind == "jsonl" else sheet)(scene.folder / f"invoices.{kind}", rows)
    words = ["invoices", str(path), "--organization", str(tenant.organization_id)]
    ended = scene.app.test_cli_runner().invoke(imports, words)
    if isinstance(ended.exception, BillingError):
        # `billing-api` itself tells it in one line.
        raise ended.exception
    return str(ended.output)


def codes(told: str) -> set[str]:
    return {json.loads(text)["code"] for text in told.splitlines() if text.startswith("{")}


def buying(scene: Scene) -> Tenant:
    tenant = scene.alone()
    tenant.customer(external_id="C-1")
    return tenant


def differing(scene: Scene) -> set[str]:
    tenant = buying(scene)
    taken(scene, tenant, old("A-1"))
    return codes(taken(scene, tenant, old("A-1", notes="x")))


def twice(scene: Scene) -> set[str]:
    return codes(taken(scene, buying(scene), old("A-1"), old("A-1", lines=[line(quantity="3")])))


def of_two_minds(scene: Scene) -> set[str]:
    row = {"number": "A-1", "issue_date": "2024-03-05", "customer_external_id": "C-1", **LINE}
    return codes(taken(scene, buying(scene), row, {**row, "issue_date": "2024-03-06"}, kind="csv"))


def of_another_status(scene: Scene) -> set[str]:
    return codes(taken(scene, buying(scene), old("A-1", amount_paid="1", status="paid")))


def of_a_closed_organization(scene: Scene) -> set[str]:
    tenant = buying(scene)
    assert tenant.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    with pytest.raises(BillingError) as refusal:
        taken(scene, tenant, old("A-1"))
    return {refusal.value.code}


WAYS: dict[str, Callable[[Scene], set[str]]] = {
    "import-differs": differing,
    "key-twice": twice,
    "organization-closed": of_a_closed_organization,
    "row-differs": of_two_minds,
    "status-mismatch": of_another_status,
}
