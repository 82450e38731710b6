"""Ways to what is told of a document whose members are good by themselves, and not together."""

from tests.factories import line
from tests.problems.scene import Way, asking, previewing, with_line

DUES = {"issue_date": "2026-02-02", "due_date": "2026-02-01"}
BACKWARDS = {"start_date": "2026-02-02", "end_date": "2026-02-01"}
RATED = {"currency": "USD", "exchange_rate": {"rate": "-1", "date": "2026-01-01"}}
NAMED = [{"rate": "4", "name": "city"}, {"rate": "4", "name": "state"}]
BOTH_SIGNS = [line(), line(quantity="-3", tax_rate="7")]

WAYS: dict[str, Way] = {
    "allowance-needs-category": previewing(lines=BOTH_SIGNS, allowances=[{"percent": "1", "base_amount": "1"}]),
    "amount-mismatch": with_line(allowances=[{"amount": "5", "percent": "10", "base_amount": "100"}]),
    "amount-missing": with_line(allowances=[{"reason": "Loyal"}]),
    "amount-too-large": with_line(unit_price="900000000000000"),
    "base-quantity-not-positive": with_line(base_quantity="0"),
    "components-mismatch": asking(
        "POST", "/v1/tax-rates", {"name": "Two", "rate": "8", "components": [{"name": "a", "rate": "6"}] * 2}
    ),
    "due-before-issue": previewing(**DUES),
    "exchange-rate-not-positive": previewing(**RATED),
    "exemption-not-allowed": asking("POST", "/v1/tax-rates", {"name": "A", "rate": "19", "exemption_reason": "None"}),
    "increment-not-positive": previewing(cash_rounding_increment="0"),
    "mutually-exclusive": previewing(due_date="2999-01-01", net_terms_days=7),
    "net-terms-too-long": previewing(issue_date="2999-12-01", net_terms_days=365),
    "period-runs-backwards": previewing(billing_period=BACKWARDS),
    "price-mismatch": with_line(gross_price="40"),
    "price-missing": with_line(unit_price=None),
    "tax-duplicate": with_line(tax_rate=None, taxes=[{"rate": "19"}, {"rate": "19"}]),
    "tax-name-required": previewing(
        lines=[line(tax_rate=None, taxes=NAMED)], charges=[{"amount": "1", "tax_category": "S", "tax_rate": "4"}]
    ),
    "tax-rate-not-allowed": with_line(tax_category="Z"),
    "tax-rate-required": asking("POST", "/v1/tax-rates", {"name": "A"}),
    "taxes-twice": with_line(taxes=[{"rate": "19"}]),
    "too-many-decimals": with_line(quantity="0.0000001"),
    "weights-sum-to-zero": previewing(lines=[line(quantity="0")], charges=[{"amount": "1"}]),
}
