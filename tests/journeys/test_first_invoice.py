"""A stranger's first quarter of an hour: from signing up to an invoice that is issued, found and told of."""

from flask.testing import FlaskClient

from tests.factories import PASSWORD

SELLER = {
    "legal_name": "Analytical Engines GmbH",
    "address": {"line1": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"},
    "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}],
    "bank_account": {"iban": "DE75512108001245126199"},
}
CUSTOMER = {
    "name": "Difference Works GmbH",
    "email": "accounts@difference-works.example.com",
    "billing_address": {"line1": "Platz 1", "postal_code": "30167", "city": "Hannover", "country": "DE"},
    "net_terms_days": 14,
}
LINES = [
    {
        "description": "Consulting",
        "quantity": "12.5",
        "unit": "HUR",
        "unit_price": "96.00",
        "tax_rate": "19",
        "allowances": [{"percent": "5", "reason": "Loyalty"}],
    },
    {"description": "Handbook", "quantity": 2, "unit_price": "24.90", "tax_rate": "7"},
    {"description": "Fraction", "quantity": "3", "unit_price": "0.3333", "tax_rate": "19"},
]
CHARGES = [{"amount": "9.90", "reason": "Freight", "tax_category": "S", "tax_rate": "19"}]


def test_a_stranger_signs_up_and_issues_a_first_invoice(client: FlaskClient) -> None:
    account = {
        "organization_name": "Analytical Engines",
        "country": "DE",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "name": "Ada",
        "email": "first-invoice@example.com",
        "password": PASSWORD,
    }
    grant = client.post("/v1/auth/sign-up", json=account)
    assert grant.status_code == 201
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {grant.json['access_token']}"

    me = client.get("/v1/me").json
    assert (me["user"]["email"], me["organization"]["name"]) == (account["email"], "Analytical Engines")
    assert client.patch("/v1/organization", json=SELLER).json["legal_name"] == SELLER["legal_name"]

    customer = client.post("/v1/customers", json=CUSTOMER)
    assert customer.status_code == 201
    body = {
        "customer_id": customer.json["id"],
        "issue_date": "2026-03-02",
        "billing_period": {"start_date": "2026-02-01", "end_date": "2026-02-28"},
        "lines": LINES,
        "charges": CHARGES,
    }
    expected = {
        # 1200.00 - 60.00, 49.80, and 0.9999, which is 1.00.
        "subtotal": "1190.80",
        "allowance_total": "0.00",
        "charge_total": "9.90",
        "total_without_tax": "1200.70",
        # 19 % of 1150.90 is 218.671; 7 % of 49.80 is 3.486.
        "tax_total": "222.16",
        "total": "1422.86",
        "payable_amount": "1422.86",
        "amount_due": "1422.86",
        "due_date": "2026-03-16",
        "currency": "EUR",
    }
    preview = client.post("/v1/invoices/preview", json=body).json
    assert {name: preview[name] for name in expected} == expected
    assert [(row["rate"], row["taxable_amount"], row["tax_amount"]) for row in preview["tax_breakdown"]] == [
        ("19", "1150.90", "218.67"),
        ("7", "49.80", "3.49"),
    ]

    draft = client.post("/v1/invoices", json={**body, "expected_total": preview["total"]})
    assert draft.status_code == 201
    place = draft.headers["Location"]
    finalize = next(action for action in draft.json["actions"] if action["name"] == "finalize")
    assert (finalize["allowed"], finalize["href"]) == (True, f"{place}/finalize")

    key = {"Idempotency-Key": "first", "If-Match": draft.headers["ETag"]}
    issued = client.open(finalize["href"], method=finalize["method"], headers=key)
    assert issued.status_code == 200
    assert {name: issued.json[name] for name in expected} == expected
    assert (issued.json["number"], issued.json["status"]) == ("INV-2026-0001", "open")
    assert issued.json["seller"]["bank_account"] == SELLER["bank_account"]
    assert issued.json["buyer"]["name"] == CUSTOMER["name"]
    again = client.open(finalize["href"], method=finalize["method"], headers=key)
    assert (again.data, again.headers["Idempotency-Replayed"]) == (issued.data, "true")

    assert client.get(place).json == issued.json
    assert client.get(issued.json["links"]["customer"]).json == customer.json
    listed = client.get("/v1/invoices?status=open&total_min=1422.86&currency=EUR&include_total=true").json
    assert listed["total_count"] == 1
    assert listed["data"] == [{name: value for name, value in issued.json.items() if name != "actions"}]

    told = client.get("/v1/events").json["data"]
    assert [(event["sequence"], event["type"]) for event in told] == [
        (1, "organization.created"),
        (2, "user.created"),
        (3, "session.created"),
        (4, "organization.updated"),
        (5, "customer.created"),
        (6, "invoice.created"),
        (7, "invoice.finalized"),
    ]
    assert told[-1]["object"] == {"type": "invoice", "id": issued.json["id"]}
    assert told[-1]["data"] == {"number": "INV-2026-0001", "currency": "EUR", "payable_amount": "1422.86"}
    assert client.delete(place).status_code == 409
