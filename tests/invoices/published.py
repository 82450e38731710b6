"""Published invoices as bodies of the API, and what the API answers as the figures that were published."""

from typing import Any


def body_of(case: dict[str, Any], *, keep_null: bool = False) -> dict[str, Any]:
    """The invoice that a case describes; what it does not give is left out, or null when `keep_null`."""

    def kept(members: dict[str, Any]) -> dict[str, Any]:
        return members if keep_null else {name: value for name, value in members.items() if value is not None}

    reasons = {entry["group"]: entry for entry in case["exemptions"]}

    def adjustment(entry: dict[str, Any], *names: str) -> dict[str, Any]:
        return kept(
            {name: entry[name] for name in ("amount", "percent", "base_amount", "reason", "reason_code", *names)}
        )

    def line(given: dict[str, Any]) -> dict[str, Any]:
        reason = reasons.get(f"{given['tax_category']}:{given['tax_rate'] or ''}", {})
        names = ("description", "quantity", "unit", "unit_price", "base_quantity", "gross_price", "price_discount")
        return kept(
            {name: given[name] for name in names}
            | {"tax_category": given["tax_category"], "tax_rate": given["tax_rate"]}
            | {"exemption_reason": reason.get("reason"), "exemption_reason_code": reason.get("reason_code")}
            | {name: [adjustment(one) for one in given[f"line_{name}"]] for name in ("allowances", "charges")}
        )

    return {
        "currency": case["currency"],
        "lines": [line(given) for given in case["lines"]],
        "prepaid_amount": case["prepaid"],
        "rounding_amount": case["rounding"],
        **{
            name: [adjustment(one, "tax_category", "tax_rate") for one in case[f"document_{name}"]]
            for name in ("allowances", "charges")
        },
    }


def figures_published(case: dict[str, Any]) -> dict[str, Any]:
    expected = case["expected"]
    return {
        "line nets": [line["expected_line_net"] for line in case["lines"]],
        "subtotal": expected["sum_of_lines"],
        "allowance_total": expected["allowances"],
        "charge_total": expected["charges"],
        "taxable": expected["taxable_by_group"],
        "tax": expected["tax_by_group"],
        "tax_total": expected["tax_total"],
        "total_without_tax": expected["total_without_tax"],
        "total": expected["total_with_tax"],
        "payable_amount": expected["amount_due"],
    }


def figures_answered(invoice: dict[str, Any]) -> dict[str, Any]:
    names = ("subtotal", "allowance_total", "charge_total", "tax_total", "total_without_tax", "total", "payable_amount")
    groups = {f"{row['category']}:{row['rate'] or ''}": row for row in invoice["tax_breakdown"]}
    return {
        "line nets": [line["net"] for line in invoice["lines"]],
        "taxable": {name: row["taxable_amount"] for name, row in groups.items()},
        "tax": {name: row["tax_amount"] for name, row in groups.items()},
        **{name: invoice[name] for name in names},
    }
