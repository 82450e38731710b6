"""Any text that is taken comes back as it was sent, from every member of every object that keeps texts of any kind."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing_api.web.fields import OneLine, Prose, Text
from tests.contract.operations import Operation, document, operations
from tests.factories import Tenant, sign_up

__all__ = ["document", "operations"]

INCOMPLETE = {"exchange_rate", "delivery", "electronic_address"}
"""Objects that cannot be there with texts alone."""
ANY = {kind().metadata["pattern"] for kind in (Text, OneLine, Prose)}
"""What the document says of a text that need only have a letter to see."""


@pytest.fixture(scope="module")
def seller(app: Flask) -> Tenant:
    return sign_up(app)


@pytest.fixture(scope="module")
def forms(seller: Tenant, operations: list[Operation]) -> dict[str, Any]:
    """By the path of an object that can be changed: how long a text each member may have that takes any."""
    made = {
        "customers_update": seller.customer(),
        "products_update": seller.product(),
        "tax_rates_update": seller.tax_rate(category="E", rate="0"),
        "invoices_update": seller.draft(),
        "payments_update": seller.payment(seller.invoice()),
    }
    paths = {"organization_update": "/v1/organization", **{name: one["links"]["self"] for name, one in made.items()}}
    bodies = {
        one.said["operationId"]: (one, one.said["requestBody"]["content"])
        for one in operations
        if one.method == "PATCH"
    }
    return {
        path: longest(bodies[name][0], bodies[name][1]["application/json"]["schema"]) for name, path in paths.items()
    }


def longest(one: Operation, schema: Any) -> Any:
    """The greatest length of a text, or those of the members of an object; None for whatever else."""
    shape = one.resolved(schema)
    shape = one.resolved(next((part for part in shape.get("anyOf", []) if part.get("type") != "null"), shape))
    if "properties" in shape:
        inner = {name: longest(one, part) for name, part in shape["properties"].items() if name not in INCOMPLETE}
        return {name: length for name, length in inner.items() if length} or None
    return shape["maxLength"] if shape.get("pattern") in ANY else None


def filled(form: Any, text: str) -> Any:
    return text[:form] if isinstance(form, int) else {name: filled(inner, text) for name, inner in form.items()}


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("\U0010ffff\ue000\u200b")
@example("e\u0301\u00e9\ufb01")
@example("'; DROP TABLE users; -- %s {0} \\ %")
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60))
def test_a_text_comes_back_from_every_member_that_keeps_it(seller: Tenant, forms: dict[str, Any], text: str) -> None:
    """Plant the flaw by bringing texts into a normal form, or by trimming them."""
    assert sum(map(len, forms.values())) >= 20
    for path, form in forms.items():
        body = filled(form, f"x{text}x")
        answer = seller.patch(path, body)
        assert answer.status_code == 200, (path, answer.text)
        read = seller.get(path).json
        for name, value in body.items():
            shown = {part: read[name][part] for part in value} if isinstance(value, dict) else read[name]
            assert shown == value, (path, name)
