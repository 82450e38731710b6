"""Fields for exact numbers: decimal strings on both sides, JSON numbers read from their text, never a binary float."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing_api.domain import money
from billing_api.web.fields import StrictField, refuse
from billing_api.web.json import Number

_FORM = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_RULES = [
    (re.compile(form), rule)
    for form, rule in (
        (".{41}", " of at most 40 characters"),
        (r"\..*[.,]|,.*[.,]", ": a point before the decimals, and nothing between thousands"),
        (",", ": with a point, not a comma"),
        (r"^[-+]?[0-9.]+[eE][-+]?[0-9]+$", ": in all its digits, without an exponent"),
        (r"^\+", ": without a plus sign"),
        (r"^-?0[0-9]", ": without zeros at its beginning"),
        (r"^-?\.|\.$", ": with digits on both sides of the point"),
        (r"\s", ": without spaces"),
    )
]
"""What is said of a text that is no decimal number, by the first form that it has."""


class Exact(StrictField):
    """A decimal number with at most `whole` digits before the point and `places` after it.

    That it `is_positive` is only told here, in the document: the domain refuses others, with a code of its own.
    """

    def __init__(
        self,
        whole: int,
        places: int,
        *,
        minimum: Decimal | None = None,
        maximum: Decimal | None = None,
        is_positive: bool = False,
        too_large: str = "out-of-range",
        shape: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.whole, self.places, self.too_large = whole, places, too_large
        self.minimum, self.maximum = minimum, maximum
        sign = "" if is_positive or (minimum is not None and minimum >= 0) else "-?"
        lowest = {"exclusiveMinimum": 0 if is_positive else -(10**whole)}
        digits = rf"^{sign}(0|[1-9][0-9]{{0,{whole - 1}}})(\.[0-9]{{1,{places}}}0*)?$"
        text = {"type": "string", "maxLength": 40, "pattern": digits}
        number = {
            "type": "number",
            **(lowest if minimum is None else {"minimum": int(minimum)}),
            **({"exclusiveMaximum": 10**whole} if maximum is None else {"maximum": int(maximum)}),
        }
        super().__init__(shape={"anyOf": [text, number], "example": "19", **(shape or {})}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        # Zeros at the end are not decimals: 1.50000000 is 1.5, and no figure is lost with them.
        number = money.trimmed(self._number(value))
        places = -int(number.as_tuple().exponent)
        if places > self.places:
            raise refuse("too-many-decimals", f"At most {self.places} decimals.")
        if abs(number) >= 10**self.whole:
            raise refuse(self.too_large, f"At most {self.whole} digits before the point.")
        if self.minimum is not None and number < self.minimum:
            raise refuse("out-of-range", f"At least {self.minimum}.")
        if self.maximum is not None and number > self.maximum:
            raise refuse("out-of-range", f"At most {self.maximum}.")
        return number

    @staticmethod
    def _number(value: Any) -> Decimal:
        if isinstance(value, Number | int) and not isinstance(value, bool):
            return Decimal(value)
        if not isinstance(value, str) or len(value) > 40 or not _FORM.fullmatch(value):
            raise refuse("not-a-decimal", f'A decimal number such as "12.50" belongs here{_rule(value)}.')
        return Decimal(value)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        # A JSON column keeps the text.
        return None if value is None else plain(Decimal(value))


def _rule(value: Any) -> str:
    """Which rule of the form is broken, where one can be told by what stands there."""
    return next((rule for form, rule in _RULES if isinstance(value, str) and form.search(value)), "")


plain = money.plain
"""How an exact number leaves: see there."""


def amount_field(**kwargs: Any) -> Exact:
    """An amount of money as it comes in: in the major unit; the currency's own decimals are checked with the document,
    which knows its currency."""
    return Exact(15, 4, too_large="amount-too-large", shape={"example": "100.00"}, **kwargs)


def quantity_field(**kwargs: Any) -> Exact:
    """A quantity, up to 6 decimals."""
    return Exact(12, 6, shape={"example": "1.5"}, **kwargs)


def percentage_field(**kwargs: Any) -> Exact:
    """A percentage, up to 4 decimals; it may be negative."""
    return Exact(6, 4, shape={"example": "2.5"}, **kwargs)


def rate_field(**kwargs: Any) -> Exact:
    """A tax rate in percent, 0 to 1000, up to 4 decimals."""
    digits = r"^(1000(\.0+)?|(0|[1-9][0-9]{0,2})(\.[0-9]{1,4}0*)?)$"
    text = {"type": "string", "maxLength": 40, "pattern": digits}
    shape = {"anyOf": [text, {"type": "number", "minimum": 0, "maximum": 1000}], "example": "19"}
    return Exact(4, 4, minimum=Decimal(0), maximum=Decimal(1000), shape=shape, **kwargs)


class Price(Exact):
    """A unit price, up to 8 decimals; leaves with at least the decimals of its currency."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(15, 8, too_large="amount-too-large", shape={"example": "49.90"}, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else plain(value, money.currency(_currency(obj)).decimals)


class Money(StrictField):
    """An amount in minor units, which leaves in the major unit with exactly the decimals of its document's currency.

    The object dumped has a `currency`.
    """

    openapi = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "example": "1190.00"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(dump_only=True, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else money.amount_text(value, _currency(obj))


def _currency(obj: Any) -> str:
    code: str = obj["currency"] if isinstance(obj, dict) else obj.currency
    return code
