"""All faults of a body come in one answer: of its members, of those that there are not, and of what stands together."""

from typing import Any

from tests import sharing
from tests.factories import Tenant, line
from tests.web.refusals import codes, refused

tenant = sharing.tenant


def test_an_invoice_is_told_its_exclusions_beside_its_wrong_members(tenant: Tenant) -> None:
    body: dict[str, Any] = {
        "foo": 1,
        "notes": 2,
        "issue_date": "2026-02-02",
        "due_date": "2026-02-01",
        "net_terms_days": 7,
        "rounding_amount": "0.01",
        "cash_rounding_increment": "0.05",
        "billing_period": {"start_date": "2026-02-02", "end_date": "2026-02-01", "bar": 1},
        "exchange_rate": {"rate": "-1", "date": "x"},
        "early_payment_discount": {"percent": "-1", "days": "x"},
        "allowances": [{"amount": "x", "tax_rate": "19"}],
        "lines": [line(unit=7, tax_rate="19", taxes=[{"rate": "19"}])],
    }
    answer = tenant.post("/v1/invoices/preview", body)
    refused(answer, 422)
    assert codes(answer) == {
        ("/foo", "unknown-member"),
        ("/notes", "not-a-string"),
        ("/due_date", "due-before-issue"),
        ("/net_terms_days", "mutually-exclusive"),
        ("/cash_rounding_increment", "mutually-exclusive"),
        ("/billing_period/end_date", "period-runs-backwards"),
        ("/billing_period/bar", "unknown-member"),
        ("/exchange_rate/rate", "exchange-rate-not-positive"),
        ("/exchange_rate/date", "not-a-date"),
        ("/early_payment_discount/percent", "out-of-range"),
        ("/early_payment_discount/days", "not-an-integer"),
        ("/allowances/0/amount", "not-a-decimal"),
        ("/allowances/0/tax_category", "required"),
        ("/lines/0/unit", "not-a-string"),
        ("/lines/0/taxes", "taxes-twice"),
    }


def test_what_could_not_be_read_is_not_judged_again(tenant: Tenant) -> None:
    """A member that is there and wrong is not also lacking, and what stands beside it is not compared with it."""
    body: dict[str, Any] = {
        "due_date": "x",
        "net_terms_days": 7,
        "billing_period": {"start_date": "2026-02-02", "end_date": "x"},
        "exchange_rate": {"rate": "x", "date": "2026-02-02"},
        "early_payment_discount": {"percent": "x", "days": 1},
        "allowances": [{"amount": "1", "tax_category": "x", "tax_rate": "19"}, 1],
        "lines": [line(tax_rate="x", taxes="y")],
    }
    answer = tenant.post("/v1/invoices/preview", body)
    refused(answer, 422)
    assert codes(answer) == {
        ("/due_date", "not-a-date"),
        ("/billing_period/end_date", "not-a-date"),
        ("/exchange_rate/rate", "not-a-decimal"),
        ("/early_payment_discount/percent", "not-a-decimal"),
        ("/allowances/0/tax_category", "not-a-choice"),
        ("/allowances/1", "not-an-object"),
        ("/lines/0/tax_rate", "not-a-decimal"),
        ("/lines/0/taxes", "not-a-list"),
    }


def test_a_seller_is_told_all_faults_at_once(tenant: Tenant) -> None:
    answer = tenant.patch(
        "/v1/organization",
        {
            "phone": 1,
            "foo": 1,
            "tax_registered": False,
            "tax_ids": [{"type": "eu_vat", "value": "1", "bar": 1}, {"type": "eu_vat"}, {"value": "1"}],
            "bank_account": {"iban": "DE00512108001245126199", "bic": "x"},
        },
    )
    refused(answer, 422)
    assert codes(answer) == {
        ("/phone", "not-a-string"),
        ("/foo", "unknown-member"),
        ("/exemption_reason", "required"),
        ("/tax_ids/0/value", "tax-id-invalid"),
        ("/tax_ids/0/bar", "unknown-member"),
        ("/tax_ids/1/value", "required"),
        ("/tax_ids/2/type", "required"),
        ("/bank_account/iban", "not-an-iban"),
        ("/bank_account/bic", "wrong-format"),
    }
    answer = tenant.patch("/v1/organization", {"tax_registered": False, "exemption_reason": 7})
    assert codes(answer) == {("/exemption_reason", "not-a-string")}


def test_a_filter_is_told_all_faults_at_once(tenant: Tenant) -> None:
    """Plant the flaw by judging amounts only where all else is right."""
    answer = tenant.get("/v1/invoices?total_min=1&total_max=2&limit=0")
    refused(answer, 400)
    assert codes(answer) == {
        ("total_min", "currency-required"),
        ("total_max", "currency-required"),
        ("limit", "out-of-range"),
    }
    assert codes(tenant.get("/v1/invoices?total_min=1&currency=x")) == {("currency", "not-a-choice")}
    for path in ("/v1/invoices", "/v1/credit-notes"):
        answer = tenant.get(f"{path}?total_min=1.001&total_max=2.001&currency=EUR&limit=0")
        refused(answer, 400)
        assert codes(answer) == {
            ("total_min", "too-many-decimals"),
            ("total_max", "too-many-decimals"),
            ("limit", "out-of-range"),
        }


def test_a_report_is_told_all_faults_at_once(tenant: Tenant) -> None:
    """Plant the flaw by judging the period only where all else is right."""
    for path in (f"/v1/customers/{tenant.customer()['id']}/statement", "/v1/reports/tax-summary"):
        answer = tenant.get(f"{path}?from=2026-02-01&to=2026-01-01&currency=X&foo=1")
        refused(answer, 400)
        assert codes(answer) == {
            ("from", "period-runs-backwards"),
            ("currency", "not-a-choice"),
            ("foo", "unknown-parameter"),
        }
        assert codes(tenant.get(f"{path}?from=2026-02-01&to=x")) == {("to", "not-a-date")}
