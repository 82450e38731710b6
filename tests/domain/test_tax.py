"""Tax categories: the order and identity of groups, and the reasons that exemptions carry."""

from decimal import Decimal, localcontext

import pytest

from billing_api.domain.tax import CATEGORIES, Exemption, Tax, TaxKey, exemption, faults_of, key, order


def test_a_group_is_known_by_name_category_and_numeric_rate() -> None:
    assert key(Tax(category="S", rate=Decimal("19.00"))) == key(Tax(category="S", rate=Decimal(19), name=""))
    assert str(key(Tax(category="S", rate=Decimal("19.50"))).rate) == "19.5"
    assert key(Tax(category="S", rate=Decimal(19), name="VAT")) != key(Tax(category="S", rate=Decimal(19)))
    assert key(Tax(category="AE")) == key(Tax(category="AE", rate=Decimal("0.00")))
    assert key(Tax(category="O")).rate is None


def test_groups_stand_by_category_name_and_falling_rate() -> None:
    sorted_keys = [
        TaxKey(category="E", name=None, rate=Decimal(0)),
        TaxKey(category="O", name=None, rate=None),
        TaxKey(category="S", name=None, rate=Decimal(19)),
        TaxKey(category="S", name=None, rate=Decimal(7)),
        TaxKey(category="S", name="GST", rate=Decimal("5.0000001")),
        TaxKey(category="S", name="GST", rate=Decimal(5)),
    ]
    with localcontext() as context:
        context.prec = 1
        shuffled = sorted_keys[::-1]
        shuffled.sort(key=order)
        assert shuffled == sorted_keys


@pytest.mark.parametrize(("category", "code"), [("AE", "AE"), ("K", "IC"), ("G", "G"), ("O", "O")])
def test_a_missing_reason_is_filled_with_the_standard_one(category: str, code: str) -> None:
    filled = exemption(category, [])
    assert filled == exemption(category, [Exemption()])
    assert filled is not None
    assert filled.code == f"VATEX-EU-{code}"
    assert filled.reason


def test_an_exemption_as_such_has_a_text_and_no_code() -> None:
    filled = exemption("E", [])
    assert filled is not None
    assert filled.reason
    assert filled.code is None


@pytest.mark.parametrize("category", ["S", "Z", "L", "M", "B"])
def test_a_taxed_category_has_no_reason(category: str) -> None:
    assert exemption(category, []) is None


def test_two_reasons_in_one_group_are_joined() -> None:
    first, second = Exemption(reason="Article 44", code="VATEX-EU-132"), Exemption(reason="Article 45")
    assert exemption("E", [first, second, first]) == Exemption(reason="Article 44; Article 45", code="VATEX-EU-132")
    other = Exemption(reason="Article 45", code="VATEX-EU-143")
    assert exemption("E", [first, other]) == Exemption(reason="Article 44; Article 45")
    assert exemption("AE", [Exemption(reason="Own words")]) == Exemption(reason="Own words")


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_every_category_takes_the_rate_it_demands(category: str) -> None:
    special: dict[str, list[str | None]] = {"S": ["19", "0.0001"], "O": [None]}
    rates = special.get(category, ["0"])
    rates += ["7.5", "0"] if category in "LMB" else []
    rates += [None] if category in {"Z", "E", "AE", "K", "G"} else []
    for rate in rates:
        tax = Tax(category=category, rate=None if rate is None else Decimal(rate))
        assert faults_of(tax, "/tax_category", "/tax_rate") == []
