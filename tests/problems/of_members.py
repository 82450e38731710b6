"""Ways to what is told of members by themselves: their types, their lengths, their forms."""

from tests.problems.scene import Way, asking, lying, previewing, with_line

CUSTOMERS, RATES, PRODUCTS = "/v1/customers", "/v1/tax-rates", "/v1/products"


def customer(**members: object) -> Way:
    return asking("POST", CUSTOMERS, {"name": "A", **members})


WAYS: dict[str, Way] = {
    "blank": customer(name=" "),
    "control-character": customer(name="a\nb"),
    "not-a-boolean": customer(archived="yes"),
    "not-a-choice": customer(tax_treatment="none"),
    "not-a-date": previewing(issue_date="2026-02-30"),
    "not-a-decimal": with_line(quantity="two"),
    "not-a-list": previewing(lines=1),
    "not-a-string": customer(name=1),
    "not-an-email": customer(email="ada"),
    "not-an-iban": asking("PATCH", "/v1/organization", {"bank_account": {"iban": "DE00512108001245126199"}}),
    "not-an-id": previewing(customer_id="1"),
    "not-an-instant": asking("GET", f"{CUSTOMERS}?updated_since=today"),
    "not-an-integer": customer(net_terms_days="7"),
    "not-an-object": customer(billing_address="Berlin"),
    "not-null": customer(name=None),
    "not-storable": lying('{"name": "a\\u0000b"}'),
    "out-of-range": customer(net_terms_days=-1),
    "required": asking("POST", CUSTOMERS, {}),
    "tax-id-invalid": customer(tax_ids=[{"type": "eu_vat", "value": "DE1"}]),
    "too-many-members": customer(metadata={str(n): "x" for n in range(51)}),
    "unknown-member": customer(colour="red"),
    "wrong-format": customer(locale="German"),
    "wrong-length": customer(name="x" * 1000),
    "wrong-number-of-items": asking("POST", f"{CUSTOMERS}/bulk", {"items": []}),
}
