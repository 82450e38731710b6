"""What clients write about the lines of an invoice."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.web.bodies import Body, Metadata, Reference, Several
from billing_api.web.decimals import Exact, Price, amount_field, percentage_field, quantity_field, rate_field
from billing_api.web.fields import Date, OneLine, Prose, refuse
from billing_api.web.lists import tax_category_field, unit_field

MAX_ADJUSTMENTS = 100


class Period(Body):
    """A period, both days included."""

    start_date = Date(required=True)
    end_date = Date(required=True)

    @ma.validates_schema(skip_on_field_errors=False)
    def run_forward(self, data: dict[str, Any], **_: Any) -> None:
        if {"start_date", "end_date"} <= data.keys() and data["end_date"] < data["start_date"]:
            raise refuse("period-runs-backwards", "The period ends before it begins.", "/end_date")


class LineAdjustmentInput(Body):
    """An allowance or a charge: an amount, or a percentage with its base."""

    amount = amount_field()
    percent = percentage_field()
    base_amount = amount_field()
    reason = Prose(4000)
    reason_code = OneLine(32)


class AdjustmentInput(LineAdjustmentInput):
    """One of the whole document; without a category it is split over the tax groups."""

    tax_category = tax_category_field()
    tax_rate = rate_field()

    @ma.validates_schema(skip_on_field_errors=False, pass_original=True)
    def rate_needs_category(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        if "tax_rate" in data and original.get("tax_category") is None:
            raise refuse("required", "A rate needs its category.", "/tax_category")


class TaxInput(Body):
    """One of several taxes upon a line: said here, or one of the organization's rates."""

    category = tax_category_field()
    rate = rate_field()
    name = OneLine(64)
    tax_rate_id = Reference("tax rate")

    @ma.validates_schema(skip_on_field_errors=False)
    def be_said_once(self, data: dict[str, Any], **_: Any) -> None:
        if "tax_rate_id" in data and data.keys() & {"category", "rate", "name"}:
            raise refuse("taxes-twice", "Give tax_rate_id, or category, rate and name.", "/tax_rate_id")


class LineBody(Body):
    """What a line of any document takes."""

    product_id = Reference("product", load_default=None)
    description = Prose(4000, load_default=None, metadata={"example": "Consulting, October"})
    quantity = quantity_field(required=True)
    unit = unit_field(load_default=None)
    unit_price = Price()
    gross_price = Price()
    price_discount = Price()
    # A unit price that was divided exactly may need as many decimals here as it has itself.
    base_quantity = Exact(12, 8, load_default=None, is_positive=True, metadata={"example": "1"})
    allowances = Several(fields.Nested(LineAdjustmentInput), MAX_ADJUSTMENTS, load_default=list)
    charges = Several(fields.Nested(LineAdjustmentInput), MAX_ADJUSTMENTS, load_default=list)
    tax_category = tax_category_field()
    tax_rate = rate_field()
    taxes = Several(fields.Nested(TaxInput), 10, 1)
    tax_rate_id = Reference("tax rate")
    exemption_reason = Prose(4000, load_default=None)
    exemption_reason_code = OneLine(32, load_default=None, metadata={"example": "VATEX-EU-132"})
    billing_period = fields.Nested(Period, load_default=None)
    details = Prose(16000, load_default=None)
    sku = OneLine(128, load_default=None)
    order_line_reference = OneLine(128, load_default=None)
    metadata = Metadata(attribute="metadata_", load_default=dict)

    @ma.validates_schema(skip_on_field_errors=False)
    def name_taxes_once(self, data: dict[str, Any], **_: Any) -> None:
        own = bool(data.keys() & {"tax_category", "tax_rate"})
        if "taxes" in data and own:
            raise refuse("taxes-twice", "Give tax_category and tax_rate, or taxes, and not both.", "/taxes")
        if "tax_rate_id" in data and (own or "taxes" in data):
            raise refuse("taxes-twice", "Give tax_rate_id, or the tax itself, and not both.", "/tax_rate_id")


class LineInput(LineBody):
    """A line: what, how many, at which price, under which tax. What it leaves out it takes from its product."""

    @ma.validates_schema(skip_on_field_errors=False, pass_original=True)
    def say_what_it_is(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> None:
        is_object = isinstance(original, dict)
        if is_object and original.get("description") is None and original.get("product_id") is None:
            raise refuse("required", "This member is required, unless a product gives it.", "/description")
