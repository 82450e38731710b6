"""The rules by which the figures of a document are explained: of each its formula, its source and its words.

A formula is arithmetic on the inputs of its step by their names, exact until a function rounds. Of a list and a number
each member is taken with the number. The functions are those of `FUNCTIONS`, and no others.
"""

from dataclasses import dataclass

FUNCTIONS = {
    "sum": "sum(list): all members added; of an empty list 0.",
    "round": "round(x): to the minor units of the step's currency, halves away from zero, below zero as above it.",
    "nearest": "nearest(x, increment): the multiple of the increment nearest to x, halves away from zero.",
    "split": (
        "split(amount, weights): parts that sum to the amount, in proportion to the absolute values of the weights. "
        "Each exact part of the absolute amount is floored to minor units, and the spare units go one each to the "
        "largest fractions, of equal ones to the first; the parts have the sign of the amount. 0 splits into zeros."
    ),
    "apportion": (
        "apportion(total, shares): each share floored to minor units, towards minus infinity; what lacks to the total "
        "goes one each to the largest fractions, of equal ones to the first."
    ),
}
"""What a formula may call, each in words that suffice to compute it by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the arithmetic; the reference is a term (BT, BG) or rule (BR) of EN 16931, where there is one."""

    formula: str
    description: str
    reference: str | None = None


_NET_OF_LINE = "amount - allowance_total + charge_total"
_OF_GROUP = "sum(lines) - sum(allowances) + sum(charges)"

RULES = {
    "line-price": Rule(
        formula="gross_price - price_discount",
        description="The unit price of a line is its gross price less the price discount; it is never rounded.",
        reference="BT-146",
    ),
    "line-amount": Rule(
        formula="round(quantity * unit_price / base_quantity)",
        description="The amount of a line before its allowances and charges, rounded once.",
        reference="BT-131",
    ),
    "percentage": Rule(
        formula="round(base * percent / 100)",
        description="A percentage of a base: the one that was given, or the amount of the line, or the sum of the "
        "lines, or that of the lines with the tax that it names. Percentages never compound.",
        reference="BT-136, BT-141, BT-92, BT-99",
    ),
    "amount-given": Rule(
        formula="amount",
        description="The amount of an allowance or charge counts as it was given.",
        reference="BT-136, BT-141, BT-92, BT-99",
    ),
    "line-allowances": Rule(formula="sum(amounts)", description="The allowances of a line added up."),
    "line-charges": Rule(formula="sum(amounts)", description="The charges of a line added up."),
    "line-net": Rule(formula=_NET_OF_LINE, description="What a line comes to, without tax.", reference="BT-131"),
    "line-gross": Rule(formula=_NET_OF_LINE, description="What a line comes to, where prices include tax."),
    "lines-including-tax": Rule(formula="sum(lines)", description="The sum of the lines where prices include tax."),
    "lines-of-tax": Rule(
        formula="sum(lines)",
        description="The sum of the lines with the tax that an allowance or charge names: the base of its percentage.",
    ),
    "lines-by-tax": Rule(
        formula="sum(lines)",
        description="The sum of the lines that stand under the same taxes: the weight by which an allowance or charge "
        "without a category falls upon them.",
    ),
    "split-over-taxes": Rule(
        formula="split(amount, weights)",
        description="An allowance or charge of the document without a category is split over the taxes of the lines.",
    ),
    "taxable-amount": Rule(
        formula=_OF_GROUP,
        description="What is taxed in a group: its lines less its document allowances plus its document charges.",
        reference="BT-116",
    ),
    "tax-amount": Rule(
        formula="round(taxable_amount * rate / 100)",
        description="The tax of a group, rounded once and never per line.",
        reference="BT-117, BR-CO-17",
    ),
    "gross-of-taxes": Rule(
        formula=_OF_GROUP,
        description="Where prices include tax: what the lines, allowances and charges under the same taxes come to.",
    ),
    "tax-within": Rule(
        formula="round(gross * rate / (100 + rate))",
        description="The tax that an amount contains, rounded once; of several taxes their rates together.",
    ),
    "tax-within-by-rate": Rule(
        formula="split(tax, rates)",
        description="The tax within an amount, split over its several taxes by their rates.",
    ),
    "amount-without-tax": Rule(formula="gross - tax", description="What an amount leaves when its tax is taken out."),
    "shares-without-tax": Rule(
        formula="sign * apportion(sign * net, sign * amounts * 100 / (100 + rate))",
        description="What each line, allowance (negative) and charge under the same taxes leaves without its tax; the "
        "sign is that of their sum, or where that is 0 of the first that is not.",
    ),
    "taxable-within": Rule(
        formula="sum(nets)",
        description="What is taxed in a group where prices include tax: what its amounts leave without their tax.",
        reference="BT-116",
    ),
    "tax-of-group": Rule(
        formula="sum(taxes)", description="The tax of a group where prices include tax.", reference="BT-117"
    ),
    "components": Rule(
        formula="split(tax_amount, rates)", description="The tax of a combined rate, shown split over its components."
    ),
    "subtotal": Rule(
        formula="sum(lines)", description="The sum of the lines without tax.", reference="BT-106, BR-CO-10"
    ),
    "allowance-total": Rule(
        formula="sum(amounts)",
        description="The allowances of the document, without tax.",
        reference="BT-107, BR-CO-11",
    ),
    "allowance-total-within": Rule(
        formula="-sum(nets)",
        description="The allowances of the document, where prices include tax: their shares without it.",
        reference="BT-107, BR-CO-11",
    ),
    "charge-total": Rule(
        formula="sum(amounts)", description="The charges of the document, without tax.", reference="BT-108, BR-CO-12"
    ),
    "total-without-tax": Rule(
        formula="subtotal - allowance_total + charge_total",
        description="The total before tax.",
        reference="BT-109, BR-CO-13",
    ),
    "tax-total": Rule(formula="sum(taxes)", description="The taxes of all groups.", reference="BT-110, BR-CO-14"),
    "total": Rule(
        formula="total_without_tax + tax_total", description="The total with tax.", reference="BT-112, BR-CO-15"
    ),
    "cash-rounding": Rule(
        formula="nearest(total - prepaid_amount, increment) - (total - prepaid_amount)",
        description="What is missing to the nearest multiple of the cash increment; the tax is never rounded to it.",
        reference="BT-114",
    ),
    "payable-amount": Rule(
        formula="total - prepaid_amount + rounding_amount",
        description="What is to be paid.",
        reference="BT-115, BR-CO-16",
    ),
    "tax-in-tax-currency": Rule(
        formula="round(tax_total * exchange_rate)",
        description="The tax in the tax currency, rounded once on the total.",
        reference="BT-111",
    ),
    "tax-currency-split": Rule(
        formula="split(total, taxes)",
        description="The tax in the tax currency, split over the groups by their taxes.",
    ),
    "tax-currency-shares": Rule(
        formula="sign * apportion(sign * total, sign * taxes * exchange_rate)",
        description="The tax in the tax currency, where groups have taxes of both signs: each its own, as near as the "
        "total allows; the sign is that of the total.",
    ),
    "amount-due": Rule(
        formula="payable_amount - amount_paid - amount_credited",
        description="What is still to be paid.",
    ),
    "nothing-due": Rule(formula="0", description="Of an invoice that is void or uncollectible nothing is due."),
}
"""By the name that a step carries; a name never changes its meaning."""
