"""A step of an explanation: which rule gave which result from which inputs, in the texts that are shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.calculation_rules import RULES, Rule
from billing_api.domain.groups import Bundle
from billing_api.domain.money import Currency, plain, to_text
from billing_api.domain.tax import TaxKey

Given = int | Decimal | str | Sequence["int | Decimal | str | None"]
"""What a step is made of: an amount in minor units, an exact number, a text, or several of them."""
Shown = str | tuple[str, ...]
Pointer = str | tuple[str | None, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: the result follows from the inputs by the formula of the rule. All are decimal texts, amounts in major
    units. `pointer` says where in the invoice the result stands, of several results where each; None is nowhere."""

    rule: str
    pointer: Pointer
    inputs: Mapping[str, Shown]
    result: Shown
    currency: str
    """That of the result, to whose minor units the formula rounds."""

    @property
    def kind(self) -> Rule:
        """The rule itself."""
        return RULES[self.rule]

    @property
    def formula(self) -> str:
        """How the result follows from the inputs."""
        return self.kind.formula


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes the steps of a document in its currency."""

    unit: Currency

    def step(self, rule: str, pointer: Pointer, result: Given, **inputs: Given) -> Step:
        """A step in which whole numbers are amounts in minor units."""
        shown = {name: self.text(value) for name, value in inputs.items()}
        return Step(rule=rule, pointer=pointer, inputs=shown, result=self.text(result), currency=self.unit.code)

    def text(self, value: Given) -> Shown:
        """A figure as it is shown."""
        if isinstance(value, int | Decimal | str):
            return self._one(value)
        return tuple(self._one(one) for one in value if one is not None)

    def price(self, value: Decimal) -> str:
        """A price as an invoice shows it: exact, with at least the decimals of the currency."""
        return plain(value, self.unit.decimals)

    def _one(self, value: int | Decimal | str) -> str:
        if isinstance(value, int):
            return to_text(value, self.unit.decimals)
        return plain(value) if isinstance(value, Decimal) else value


def labels(taxes: Iterable[TaxKey]) -> list[str]:
    """Taxes as a reader tells them apart: category, name and rate, such as `S 19` or `S GST 5`."""
    return [
        " ".join(filter(None, (tax.category, tax.name, None if tax.rate is None else plain(tax.rate)))) for tax in taxes
    ]


def by_tax(amounts: Iterable[tuple[Bundle, int]]) -> dict[TaxKey, list[int]]:
    """The amounts that count in each group, in their order; one under several taxes counts in several."""
    found: dict[TaxKey, list[int]] = {}
    for bundle, amount in amounts:
        for tax in bundle:
            found.setdefault(tax, []).append(amount)
    return found
