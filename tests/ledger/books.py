"""Reading the books through the API, as tests do it."""

from collections import Counter
from decimal import Decimal
from typing import Any

from tests.factories import Tenant


def entries(tenant: Tenant, **filters: str) -> list[dict[str, Any]]:
    """Every entry that matches, in the order in which they were made."""
    query = "&".join(f"{name}={value}" for name, value in {"sort": "created_at", "limit": "100", **filters}.items())
    page = tenant.get(f"/v1/ledger/entries?{query}").json
    found: list[dict[str, Any]] = page["data"]
    while page["next_cursor"]:
        page = tenant.get(f"/v1/ledger/entries?{query}&cursor={page['next_cursor']}").json
        found += page["data"]
    return found


def balances(tenant: Tenant, **filters: str) -> dict[str, Decimal]:
    """What each account stands at, debits above zero; those at zero are left out."""
    found = Counter[str]()
    for entry in entries(tenant, **filters):
        amounts = [Decimal(one["debit"]) - Decimal(one["credit"]) for one in entry["postings"]]
        assert sum(amounts) == 0, entry
        for posting, amount in zip(entry["postings"], amounts, strict=True):
            found[posting["account"]] += amount  # type: ignore[assignment]  # a counter of decimals
    return {account: Decimal(amount) for account, amount in found.items() if amount}
