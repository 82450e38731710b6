"""Bodies as a client would write them, out of those that schemathesis thinks of."""

from typing import Any

EXCLUSIVE = [
    ("due_date", "net_terms_days"),
    ("rounding_amount", "cash_rounding_increment"),
    *((name, "taxes") for name in ("tax_rate", "tax_category")),
    *((name, "tax_rate_id") for name in ("tax_rate", "tax_category", "taxes", "category", "rate")),
]
"""Members of which a body may have one."""


def plain(value: Any) -> Any:
    """The same as a client would write it: with two decimals at most, and without the second of two members that
    exclude each other; that both are refused is known, and hides what lies behind."""
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        twice = {other for one, other in EXCLUSIVE if value.get(one) is not None and value.get(other) is not None}
        return {name: plain(item) for name, item in value.items() if name not in twice}
    return value


def without_catalogue(value: Any) -> Any:
    """Nobody guesses the id of a product or a tax rate, and with a wrong one nothing else is looked at."""
    if isinstance(value, list):
        return [without_catalogue(item) for item in value]
    if isinstance(value, dict):
        left = {name: without_catalogue(item) for name, item in value.items()}
        return {name: item for name, item in left.items() if name not in {"product_id", "tax_rate_id"}}
    return value
