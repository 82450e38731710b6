"""Taxes of a line: the categories of UNCL 5305, what each demands of its rate, and the group a tax belongs to.

Rule 5: one tax group stands for each distinct (tax name, category, numeric rate), so 19 and 19.00 are one.
Rule 7: S needs a rate above 0 (a rate of 0 is Z); the rate of Z, E, AE, K and G is 0 and may be left out; O has no
rate at all; L, M and B need one, which may be 0. E, AE, K, G and O carry a reason, for which each has a standard text.
Rule 8: groups stand in the order of category, tax name, rate descending.
Rule 10: a combined rate (a state and a county) has components that sum to it and is one group.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from billing_api.domain.money import add, trimmed
from billing_api.errors import Fault


class RateRule(Enum):
    """What a category demands of the rate beside it."""

    POSITIVE = "positive"
    NOT_NEGATIVE = "not-negative"
    ZERO = "zero"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Why no tax is charged: a text (EN 16931 BT-120), a code of the VATEX list (BT-121), or both."""

    reason: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A tax category: its code in UNCL 5305, its name, its demand on the rate and its standard exemption."""

    code: str
    name: str
    rate_rule: RateRule
    exemption: Exemption | None = None


CATEGORIES = {
    category.code: category
    for category in (
        Category(code="S", name="Standard rate", rate_rule=RateRule.POSITIVE),
        Category(code="Z", name="Zero rated", rate_rule=RateRule.ZERO),
        Category(
            code="E",
            name="Exempt",
            rate_rule=RateRule.ZERO,
            # The VATEX list has a code for each article of the directive, and none for an exemption as such.
            exemption=Exemption(reason="Exempt from tax"),
        ),
        Category(
            code="AE",
            name="Reverse charge",
            rate_rule=RateRule.ZERO,
            exemption=Exemption(reason="Reverse charge", code="VATEX-EU-AE"),
        ),
        Category(
            code="K",
            name="Intra-community supply",
            rate_rule=RateRule.ZERO,
            exemption=Exemption(reason="Intra-community supply", code="VATEX-EU-IC"),
        ),
        Category(
            code="G",
            name="Export outside the EU",
            rate_rule=RateRule.ZERO,
            exemption=Exemption(reason="Export outside the EU", code="VATEX-EU-G"),
        ),
        Category(
            code="O",
            name="Outside the scope of tax",
            rate_rule=RateRule.ABSENT,
            exemption=Exemption(reason="Not subject to VAT", code="VATEX-EU-O"),
        ),
        Category(code="L", name="Canary Islands general indirect tax", rate_rule=RateRule.NOT_NEGATIVE),
        Category(code="M", name="Tax of Ceuta and Melilla", rate_rule=RateRule.NOT_NEGATIVE),
        Category(code="B", name="Transferred (split payment)", rate_rule=RateRule.NOT_NEGATIVE),
    )
}
"""The categories of EN 16931, by code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of a combined rate, such as the county's; the rate is a percentage."""

    name: str
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """A tax as it was given: the category's code, a percentage or none, a name where several taxes need telling."""

    category: str
    rate: Decimal | None = None
    name: str | None = None
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxKey:
    """What makes a tax group one: category, name and numeric rate (none for O)."""

    category: str
    name: str | None
    rate: Decimal | None


def key(tax: Tax) -> TaxKey:
    """The group of a tax without faults: a rate left out is 0 where the category says so."""
    rate = tax.rate
    if CATEGORIES[tax.category].rate_rule is RateRule.ZERO:
        rate = Decimal(0)
    return TaxKey(category=tax.category, name=tax.name or None, rate=None if rate is None else trimmed(rate))


def order(group: TaxKey) -> tuple[str, str, bool, Decimal]:
    """The place of a group among others: category, tax name, rate descending (rule 8)."""
    return group.category, group.name or "", group.rate is None, (group.rate or Decimal(0)).copy_negate()


def percentage(group: TaxKey) -> Decimal:
    """The rate to compute with: outside the scope of tax there is none, which taxes as 0."""
    return group.rate or Decimal(0)


def faults_of(tax: Tax, category_pointer: str, rate_pointer: str) -> list[Fault]:
    """What is wrong with a tax (rule 7, EN 16931 BR-S-05 and its sisters); the pointers name its two members.

    Codes: `not-a-choice`, `tax-rate-required`, `tax-rate-not-allowed`, `components-mismatch`.
    """
    category = CATEGORIES.get(tax.category)
    if category is None:
        known = ", ".join(CATEGORIES)
        return [Fault("not-a-choice", f"The tax category must be one of {known}.", category_pointer)]
    fault = _fault_of_rate(category, tax.rate, rate_pointer)
    if fault:
        return [fault]
    if tax.components and not _add_up(tax):
        detail = "The rates of the components must not be negative and must sum to the rate of the tax."
        return [Fault("components-mismatch", detail, rate_pointer)]
    return []


def exemption(category: str, given: Iterable[Exemption]) -> Exemption | None:
    """The exemption of a group: the distinct reasons given in it, joined, or the category's standard one (rule 7).

    A code is kept only if no other one stands beside it, because a group has room for one (EN 16931 BT-121).
    """
    stated = [entry for entry in given if entry.reason or entry.code]
    if not stated:
        return CATEGORIES[category].exemption
    reasons = dict.fromkeys(entry.reason for entry in stated if entry.reason)
    codes = dict.fromkeys(entry.code for entry in stated if entry.code)
    return Exemption(reason="; ".join(reasons) or None, code=next(iter(codes)) if len(codes) == 1 else None)


def _fault_of_rate(category: Category, rate: Decimal | None, pointer: str) -> Fault | None:
    title = f"Tax category {category.code} ({category.name})"
    rule = category.rate_rule
    if rate is None:
        if rule in (RateRule.POSITIVE, RateRule.NOT_NEGATIVE):
            return Fault("tax-rate-required", f"{title} needs a tax rate.", pointer)
        return None
    if rule is RateRule.ABSENT:
        return Fault("tax-rate-not-allowed", f"{title} has no tax rate: leave it out.", pointer)
    if rule is RateRule.ZERO and rate != 0:
        return Fault("tax-rate-not-allowed", f"{title} has a tax rate of 0: leave it out or give 0.", pointer)
    if rule is RateRule.POSITIVE and rate <= 0:
        return Fault("tax-rate-not-allowed", f"{title} needs a tax rate above 0; a rate of 0 is category Z.", pointer)
    if rate < 0:
        return Fault("tax-rate-not-allowed", f"{title} needs a tax rate of 0 or more.", pointer)
    return None


def _add_up(tax: Tax) -> bool:
    total = Decimal(0)
    for component in tax.components:
        if component.rate < 0:
            return False
        total = add(total, component.rate)
    return total == (tax.rate or 0)
