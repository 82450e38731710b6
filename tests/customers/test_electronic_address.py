"""The electronic address of a customer, to which structured invoices are sent."""

import pytest

from tests import sharing
from tests.factories import Tenant
from tests.web.refusals import codes, refused

tenant = sharing.tenant


@pytest.mark.parametrize("scheme", ["0088", "0002", "9930", "9999", "AN", "AQ", "AS", "AU", "EM"])
def test_an_electronic_address_is_of_any_scheme_that_documents_are_sent_by(tenant: Tenant, scheme: str) -> None:
    address = {"scheme_id": scheme, "value": "x"}
    assert tenant.customer(electronic_address=address)["electronic_address"] == address


@pytest.mark.parametrize("scheme", ["088", "00088", "EMM", "em", "A1", "ABCD", "AN\n", "\u0660\u0660\u0668\u0668"])
def test_no_other_scheme_is_taken(tenant: Tenant, scheme: str) -> None:
    answer = tenant.post("/v1/customers", {"name": "x", "electronic_address": {"scheme_id": scheme, "value": "x"}})
    refused(answer, 422)
    assert {pointer for pointer, _ in codes(answer)} == {"/electronic_address/scheme_id"}
