"""Customers, and what names them, are found by whom to turn to there."""

from tests.factories import Tenant
from tests.web.test_searching import found

CONTACT = {"name": "Augusta Ada Byron", "email": "ada.byron@works.example", "phone": "+49 30 1234"}


def test_a_customer_is_found_by_the_name_and_the_address_of_their_contact(tenant: Tenant) -> None:
    """Plant the flaw by leaving one of the two out of what the trigger reads."""
    one = tenant.customer(name="Difference Works", contact=CONTACT)
    tenant.customer(name="Somebody else", contact={"name": "Grace", "email": "grace@other.example"})
    tenant.customer(name="Nobody to turn to")
    for q in ("augusta", "ada", "byron", "ada.byron@works", "works.example", "difference byron"):
        assert found(tenant, "/v1/customers", q=q) == [one["id"]], q
    assert found(tenant, "/v1/customers", q="1234") == []


def test_documents_are_found_by_the_contact_that_their_customer_has_now(tenant: Tenant) -> None:
    """Plant the flaw by leaving the contact out of the columns that wake the trigger."""
    invoice = tenant.invoice(customer_id=tenant.customer(name="Works", contact=CONTACT)["id"])
    assert found(tenant, "/v1/invoices", q="byron") == [invoice["id"]]
    path = f"/v1/customers/{invoice['customer_id']}"
    assert tenant.patch(path, {"contact": {"name": "Grace", "email": None}}).status_code == 200
    assert found(tenant, "/v1/invoices", q="byron") == found(tenant, "/v1/invoices", q="ada.byron") == []
    assert found(tenant, "/v1/invoices", q="grace") == [invoice["id"]]
    assert tenant.patch(path, {"contact": None}).status_code == 200
    assert found(tenant, "/v1/customers", q="grace") == []


def test_letters_that_are_no_accented_ones_are_told_apart(tenant: Tenant) -> None:
    one = tenant.customer(name="Sørensen", contact={"name": "Łukasz"})
    for q in ("sørensen", "SØREN", "łukasz", "ŁUK"):
        assert found(tenant, "/v1/customers", q=q) == [one["id"]], q
    for q in ("sorensen", "lukasz"):
        assert found(tenant, "/v1/customers", q=q) == [], q


def test_of_a_text_the_first_sixteen_words_count(tenant: Tenant) -> None:
    words = [f"w{number:02}" for number in range(1, 18)]
    one = tenant.customer(name=" ".join(words))
    assert found(tenant, "/v1/customers", q="w16") == [one["id"]]
    assert found(tenant, "/v1/customers", q="w17") == []
