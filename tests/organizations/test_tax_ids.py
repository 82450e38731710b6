"""Tax ids: of the kinds that are known the form and the check digits are verified, and one form of each is kept."""

from typing import Any

import pytest

from billing_api.organizations.tax_ids import EXAMPLES, WrongTaxId, normalized
from tests import sharing
from tests.factories import Tenant
from tests.web.refusals import codes, refused

NUMBERS = {
    ("eu_vat", "DE 136 695 976"): "DE136695976",
    ("eu_vat", "de136695976"): "DE136695976",
    ("eu_vat", "ATU 13585627"): "ATU13585627",
    ("eu_vat", "EL 094259216"): "EL094259216",
    ("eu_vat", "XI 980 7806 84"): "XI980780684",
    ("eu_vat", "FR 40 303265045"): "FR40303265045",
    ("eu_vat", "NL123456789B13"): "NL123456789B13",
    ("eu_vat", "IE6433435F"): "IE6433435F",
    ("gb_vat", "GB 980 7806 84"): "GB980780684",
    ("gb_vat", "980780684"): "GB980780684",
    ("ch_vat", "CHE-107.787.577 MWST"): "CHE107787577MWST",
    ("ch_vat", "CHE-107.787.577"): "CHE107787577",
    ("no_mva", "NO 995 525 828 MVA"): "NO995525828MVA",
    ("no_mva", "995525828MVA"): "NO995525828MVA",
    ("us_ein", "91-1144442"): "911144442",
    ("au_abn", "83 914 571 673"): "83914571673",
    ("ca_bn", "12302 6635 RC 0001"): "123026635RC0001",
    ("ca_bn", "123026635"): "123026635",
    ("in_gstin", "27 AAPFU0939F 1ZV"): "27AAPFU0939F1ZV",
    ("de_steuernummer", "181/815/08155"): "18181508155",
    ("de_steuernummer", "4151 0815 08156"): "4151081508156",
    ("at_stnr", "12-345/6789"): "12-345/6789",
}
"""As they are written, and as they are kept."""
WRONG = [
    ("eu_vat", "DE136695967"),
    ("eu_vat", "ATU12345678"),
    ("eu_vat", "EL123456789"),
    ("eu_vat", "136695976"),
    ("eu_vat", "GB980780684"),
    ("eu_vat", "GR094259216"),
    ("eu_vat", "EU372022452"),
    ("eu_vat", "DE"),
    ("gb_vat", "GB980780685"),
    ("gb_vat", "DE136695976"),
    ("ch_vat", "CHE-107.787.578"),
    ("no_mva", "995525829MVA"),
    ("no_mva", "995525828"),
    ("us_ein", "07-1144442"),
    ("au_abn", "83914571674"),
    ("ca_bn", "123026636"),
    ("in_gstin", "27AAPFU0939F1ZO"),
    ("de_steuernummer", "12345"),
]
FORM_ONLY = {"us_ein", "is_vsk", "sm_coe", "fo_vn", "in_pan", "kr_brn", "mx_rfc", "de_steuernummer", "li_peid"}
"""Kinds without a check digit, or with one that not all true numbers have."""

tenant = sharing.tenant


def given(type: str, value: str) -> dict[str, Any]:
    return {"tax_ids": [{"type": type, "value": value}]}


@pytest.mark.parametrize(("written", "kept"), NUMBERS.items(), ids=lambda one: one if isinstance(one, str) else one[1])
def test_a_true_number_is_kept_in_one_form(tenant: Tenant, written: tuple[str, str], kept: str) -> None:
    expected = given(written[0], kept)["tax_ids"]
    assert tenant.patch("/v1/organization", given(*written)).json["tax_ids"] == expected
    customer = tenant.customer(**given(*written))
    assert customer["tax_ids"] == expected
    again = tenant.patch(customer["links"]["self"], given(*written)).json
    assert again["version"] == customer["version"], "the same number is no change"


@pytest.mark.parametrize(("type", "value"), WRONG)
def test_a_wrong_number_is_refused_with_its_place_and_an_example(tenant: Tenant, type: str, value: str) -> None:
    for answer in (
        tenant.patch("/v1/organization", given(type, value)),
        tenant.post("/v1/customers", {"name": "x", **given(type, value)}),
    ):
        problem = refused(answer, 422, "tax-id-invalid")
        assert codes(answer) == {("/tax_ids/0/value", "tax-id-invalid")}
        assert EXAMPLES[type] in problem["detail"]


def test_a_wrong_number_is_told_together_with_all_other_faults(tenant: Tenant) -> None:
    body = {"tax_ids": [{"type": "eu_vat", "value": "DE1", "x": 1}, {"type": "us_ein", "value": "1"}]}
    assert codes(tenant.post("/v1/customers", body)) == {
        ("/name", "required"),
        ("/tax_ids/0/x", "unknown-member"),
        ("/tax_ids/0/value", "tax-id-invalid"),
        ("/tax_ids/1/value", "tax-id-invalid"),
    }


@pytest.mark.parametrize(("type", "example"), EXAMPLES.items(), ids=EXAMPLES)
def test_each_kind_knows_its_example_and_finds_a_mistyped_digit(type: str, example: str) -> None:
    assert normalized(type, example) == example
    assert normalized(type, f" {example} ") == example
    digits = [place for place, character in enumerate(example) if character.isdigit()]
    found = 0
    for place in digits:
        try:
            normalized(type, f"{example[:place]}{(int(example[place]) + 1) % 10}{example[place + 1 :]}")
        except WrongTaxId:
            found += 1
    assert found >= (0 if type in FORM_ONLY else len(digits) / 2), (found, len(digits))
