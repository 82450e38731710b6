"""Filters that several lists take."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import marshmallow as ma

from billing_api.domain import money
from billing_api.web.bodies import Metadata
from billing_api.web.decimals import amount_field
from billing_api.web.fields import Choice, Flaw, Schema, Text
from billing_api.web.lists import currency_field
from billing_api.web.pagination import PageQuery
from billing_api.web.parser import ANY_NAME

_METADATA = "metadata."


def statuses_field(*statuses: str, example: str) -> Text:
    """One status, or several with commas between them."""
    one = "|".join(statuses)
    hint = f"One or more of {', '.join(statuses)}, with commas and no spaces between them."
    return Text(64, pattern=rf"({one})(,({one}))*", hint=hint, metadata={"example": example})


def include_field() -> Choice:
    """What is shown beside a thing for who asks for it."""
    hint = "`customer` shows the customer whole; it needs the scope `customers:read` too."
    return Choice("customer", metadata={"description": hint})


class IncludeQuery(Schema):
    """How to read one thing that names a customer."""

    include = include_field()


class MetadataText(Metadata):
    """Pieces of metadata as a query has them, each a text in a parameter of its own."""

    openapi = dict(Metadata.text)


class SearchQuery(PageQuery):
    """A list in which things are found by words and by their metadata."""

    q = Text(
        100,
        metadata={
            "description": (
                "Words to search for, such as `difference wor`: each is the beginning of one in the object's names, "
                "numbers and e-mail addresses, or in a payment's reference; or each in the names and e-mail addresses "
                "of its customer and of its contact. Capitals and accents do not count, and punctuation parts words as "
                "a blank does. Of more than eight words the longest count, and of each name the first sixteen."
            ),
        },
    )
    metadata = MetadataText(
        data_key=f"{_METADATA}{ANY_NAME}",
        metadata={"description": "What has this text in its `metadata`, under the name that stands for `KEY`."},
    )

    @ma.pre_load
    def gather_metadata(self, data: Mapping[str, str], **_: Any) -> dict[str, Any]:
        # Sorted, because a cursor is bound to it.
        given = sorted(data.items())
        asked = {name.removeprefix(_METADATA): text for name, text in given if name.startswith(_METADATA)}
        others: dict[str, Any] = {name: text for name, text in data.items() if not name.startswith(_METADATA)}
        return others | ({f"{_METADATA}{ANY_NAME}": asked} if asked else {})


class TotalQuery(SearchQuery):
    """A list of documents, which can be told by what they come to."""

    currency = currency_field()
    total_min = amount_field(metadata={"description": "Together with `currency`."})
    total_max = amount_field(metadata={"description": "Together with `currency`."})

    @ma.validates_schema(skip_on_field_errors=False, pass_original=True)
    def amounts_are_of_a_currency(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        given = sorted({"total_min", "total_max"} & data.keys())
        if "currency" not in original:
            wrong, flaw = given, Flaw("currency-required", "An amount can only be compared in a named currency.")
        else:
            wrong = [name for name in given if "currency" in data and not _fits(data[name], data["currency"])]
            flaw = Flaw("too-many-decimals", "More decimals than the currency has.")
        if wrong:
            raise ma.ValidationError({name: [flaw] for name in wrong})


def _fits(amount: Decimal, code: str) -> bool:
    try:
        money.to_minor(amount, money.currency(code))
    except money.TooManyDecimals:
        return False
    return True
