"""Reads published invoices as documents of the engine."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.lines import Line
from billing_api.domain.money import currency
from billing_api.domain.tax import Tax
from billing_api.domain.totals import Document

CASES_FILE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "en16931" / "cases.json"


def load() -> list[dict[str, Any]]:
    """The published cases, or none where the file is absent."""
    if not CASES_FILE.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(CASES_FILE.read_text())["cases"]
    return cases


def document_of(case: dict[str, Any]) -> Document:
    return Document(
        currency=currency(case["currency"]),
        lines=tuple(_line(line) for line in case["lines"]),
        allowances=tuple(_adjustment(entry) for entry in case["document_allowances"]),
        charges=tuple(_adjustment(entry) for entry in case["document_charges"]),
        prepaid_amount=_decimal(case["prepaid"]),
        rounding_amount=_decimal(case["rounding"]),
    )


def _line(line: dict[str, Any]) -> Line:
    return Line(
        quantity=Decimal(line["quantity"]),
        unit_price=_decimal(line["unit_price"]),
        gross_price=_decimal(line["gross_price"]),
        price_discount=_decimal(line["price_discount"]),
        base_quantity=_decimal(line["base_quantity"]) or Decimal(1),
        allowances=tuple(_adjustment(entry) for entry in line["line_allowances"]),
        charges=tuple(_adjustment(entry) for entry in line["line_charges"]),
        taxes=(_tax(line),),
    )


def _adjustment(entry: dict[str, Any]) -> Adjustment:
    return Adjustment(
        amount=_decimal(entry["amount"]),
        percent=_decimal(entry["percent"]),
        base_amount=_decimal(entry["base_amount"]),
        tax=_tax(entry) if entry.get("tax_category") else None,
    )


def _tax(entry: dict[str, Any]) -> Tax:
    return Tax(category=entry["tax_category"], rate=_decimal(entry["tax_rate"]))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
