"""Filters that several lists take."""

from typing import Any

import marshmallow as ma

from billing_api.web.decimals import amount_field
from billing_api.web.fields import Flaw, Text
from billing_api.web.lists import currency_field
from billing_api.web.pagination import PageQuery


def statuses_field(*statuses: str, example: str) -> Text:
    """One status, or several with commas between them."""
    one = "|".join(statuses)
    hint = f"One or more of {', '.join(statuses)}, with commas and no spaces between them."
    return Text(64, pattern=rf"({one})(,({one}))*", hint=hint, metadata={"example": example})


class TotalQuery(PageQuery):
    """A list of documents, which can be told by what they come to."""

    currency = currency_field()
    total_min = amount_field(metadata={"description": "Together with `currency`."})
    total_max = amount_field(metadata={"description": "Together with `currency`."})

    @ma.validates_schema(skip_on_field_errors=False, pass_original=True)
    def amounts_need_currency(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        flaw = Flaw("currency-required", "An amount can only be compared in a named currency.")
        alone = {"total_min", "total_max"} & data.keys() if "currency" not in original else set()
        if alone:
            raise ma.ValidationError({name: [flaw] for name in sorted(alone)})
