"""Short ways to credit invoices, and what must hold of an invoice and its books afterwards."""

from collections import Counter
from decimal import Decimal
from typing import Any

from tests.factories import Tenant, created, line


def priced(*lines: str, **members: Any) -> dict[str, Any]:
    """Lines as "quantity x price @ rate"."""
    written = []
    for text in lines:
        terms, _, rate = text.partition(" @ ")
        quantity, _, price = terms.partition(" x ")
        written.append(line(quantity=quantity, unit_price=price, tax_rate=rate))
    return {"lines": written, **members}


def credit(tenant: Tenant, invoice: dict[str, Any], *lines: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A credit note over parts of an invoice, or over all that remains."""
    named = {"lines": list(lines)} if lines else {}
    body = {"invoice_id": invoice["id"], "reason": "Returned", **named, **members}
    return created(tenant.post("/v1/credit-notes", body))


def part(invoice: dict[str, Any], at: int, **wish: Any) -> dict[str, Any]:
    """A wish to credit the line at this index."""
    return {"invoice_line_id": invoice["lines"][at]["id"], **wish}


def again(tenant: Tenant, invoice: dict[str, Any]) -> dict[str, Any]:
    """The invoice as it stands now."""
    shown: dict[str, Any] = tenant.get(f"/v1/invoices/{invoice['id']}").json
    return shown


def group_sums(*documents: dict[str, Any]) -> dict[tuple[Any, ...], tuple[Decimal, Decimal]]:
    """The taxable amount and the tax of each group over several documents."""
    taxable, tax = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
    for document in documents:
        for group in document["tax_breakdown"]:
            key = group["category"], group["name"], group["rate"]
            taxable[key] += Decimal(group["taxable_amount"])  # type: ignore[assignment]  # exact
            tax[key] += Decimal(group["tax_amount"])  # type: ignore[assignment]
    return {key: (Decimal(taxable[key]), Decimal(tax[key])) for key in taxable}


def balances(tenant: Tenant, *ids: str) -> dict[tuple[Any, ...], Decimal]:
    """What the accounts come to over all entries of these documents; those that come to nothing are left out."""
    sums: dict[tuple[Any, ...], Decimal] = {}
    for id in ids:
        page = tenant.get(f"/v1/ledger/entries?object_id={id}&limit=100").json
        assert not page["has_more"]
        for entry in page["data"]:
            amounts = [Decimal(one["debit"]) - Decimal(one["credit"]) for one in entry["postings"]]
            assert sum(amounts) == 0
            for posting, amount in zip(entry["postings"], amounts, strict=True):
                key = posting["account"], posting["tax_category"], posting["tax_name"], posting["tax_rate"]
                sums[key] = sums.get(key, Decimal(0)) + amount
    return {key: amount for key, amount in sums.items() if amount}
