"""An import of invoices that is run again: what says the same is passed over, what does not is rejected."""

from pathlib import Path

from billing_api.importing import of_invoices
from tests.factories import Tenant, line
from tests.importing.conftest import Import, jsonl, old, take_rejected, whole


def test_run_again_it_stays_and_with_other_content_it_is_rejected(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str
) -> None:
    other = tenant.customer(external_id="C-2")["id"]
    bodies = [old("A-1"), old("A-2", amount_paid="1.00"), old("A-3", status="void")]
    path = jsonl(tmp_path / "i.jsonl", bodies)
    assert take(path, of_invoices()).counts == (3, 0, 0)
    tenant.payment(whole(tenant, "A-1"))
    before = tenant.get("/v1/invoices").json
    assert take(path, of_invoices()).counts == (0, 3, 0)
    changed = [
        (old("A-1", notes="x"), ["notes"]),
        (old("a-1"), ["number"]),
        (old("A-2"), ["amount_paid"]),
        (old("A-3", lines=[line(quantity="3")]), ["lines", "status"]),
        (old("A-1", customer_external_id="C-2", issue_date="2024-03-06"), ["issue_date", "customer_external_id"]),
        ({**old("A-1", customer_id=other), "customer_external_id": None}, ["customer_id"]),
    ]
    for body, members in changed:
        (reject,) = take_rejected(take, tmp_path, body).rejects
        assert [(fault.pointer, fault.code) for _, fault in reject.faults] == [
            (f"/{name}", "import-differs") for name in members
        ]
    assert tenant.get("/v1/invoices").json == before


def test_the_status_that_it_had_is_a_part_of_what_it_says_and_what_became_of_it_here_is_not(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str
) -> None:
    """Plant the flaw by comparing with the status of today."""
    tenant.patch("/v1/organization", {"cancellation_mode": "void"})
    bodies = [
        old("void", status="void", void_reason="Wrong buyer"), old("unnamed", status="void"), old("open"),
        old("lost", status="uncollectible"), old("found", status="uncollectible"), old("voided"), old("given-up"),
        old("again", status="open"), old("paid", amount_paid="119.00"), old("repaid", status="uncollectible"),
    ]  # fmt: skip
    path = jsonl(tmp_path / "i.jsonl", [*bodies, *bodies])
    assert take(path, of_invoices()).counts == (10, 10, 0)
    deeds = {
        "found": ["mark-collectible"], "voided": ["void"], "given-up": ["mark-uncollectible"],
        "again": ["mark-uncollectible", "mark-collectible"], "repaid": ["mark-collectible", "mark-uncollectible"],
    }  # fmt: skip
    for number, several in deeds.items():
        for deed in several:
            body = {"reason": "x"} if deed == "void" else None
            answer = tenant.post(f"/v1/invoices/{whole(tenant, number)['id']}/{deed}", body)
            assert answer.status_code == 200, answer.text
    before = tenant.get("/v1/invoices?limit=100").json
    assert take(path, of_invoices()).counts == (0, 20, 0)
    changed = [
        old("void", status="void", void_reason="Late"), old("void", status="void"), old("void"),
        old("unnamed", status="void", void_reason="Late"), old("open", status="void"), old("open", status="paid"),
        old("open", status="uncollectible"), old("lost"), old("lost", status="open"), old("found"),
        old("voided", status="void", void_reason="x"), old("given-up", status="uncollectible"),
        old("again", status="uncollectible"), old("paid", amount_paid="119.00", status="open"), old("repaid"),
    ]  # fmt: skip
    for body in changed:
        place = "/void_reason" if body["number"] in {"void", "unnamed"} and body.get("status") else "/status"
        assert take_rejected(take, tmp_path, body).faults == [(1, place, "import-differs")]
    assert tenant.get("/v1/invoices?limit=100").json == before
