"""The forms of products and tax rates."""

from decimal import Decimal
from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.tax import CATEGORIES, Component, Tax, faults_of, key
from billing_api.web.bodies import Body, Metadata, Reference, Several
from billing_api.web.decimals import Exact, Price, plain, rate_field
from billing_api.web.fields import LINKS, Choice, Flag, Flaw, Id, Instant, OneLine, Prose, Text, refuse
from billing_api.web.filters import SearchQuery
from billing_api.web.lists import currency_field, tax_category_field, unit_field
from billing_api.web.pagination import PageQuery, sort_field


class ComponentInput(Body):
    """A part of a combined rate, such as the county's."""

    name = OneLine(64, required=True, metadata={"example": "County"})
    rate = rate_field(required=True)


class TaxRateInput(Body):
    """A tax rate, as it may be written."""

    examples = {
        "A rate": {"name": "VAT 19 %", "category": "S", "rate": "19"},
        "A combined rate": {
            "name": "Sales tax, Springfield",
            "rate": "8.25",
            "components": [
                {"name": "State", "rate": "6.25"},
                {"name": "County", "rate": "1"},
                {"name": "City", "rate": "1"},
            ],
        },
        "An exemption": {
            "name": "Teaching",
            "category": "E",
            "exemption_reason": "Teaching, Article 132 (1) (i) of Directive 2006/112/EC",
            "exemption_reason_code": "VATEX-EU-132-1I",
        },
    }
    patches = {"Archive": {"archived": True}, "Rename": {"name": "VAT, standard"}}

    name = OneLine(64, required=True, metadata={"example": "VAT 19 %"})
    category = tax_category_field(load_default="S")
    rate = rate_field(load_default=None)
    components = Several(fields.Nested(ComponentInput), 20, load_default=list)
    exemption_reason = Prose(4000, load_default=None)
    exemption_reason_code = OneLine(32, load_default=None, metadata={"example": "VATEX-EU-132"})
    metadata = Metadata(attribute="metadata_", load_default=dict)
    archived = Flag(load_default=False)

    @ma.validates_schema
    def be_a_tax(self, data: dict[str, Any], **_: Any) -> None:
        parts = tuple(Component(name=one["name"], rate=one["rate"]) for one in data["components"])
        tax = Tax(category=data["category"], rate=data["rate"], components=parts)
        wrong = {
            ("components" if fault.code == "components-mismatch" else "rate"): [Flaw(fault.code, fault.detail)]
            for fault in faults_of(tax, "/category", "/rate")
        }
        # EN 16931 lets only those groups say why no tax is charged (BR-S-10, BR-Z-10 and their sisters).
        if CATEGORIES[tax.category].exemption is None:
            detail = f"{tax.category} is taxed as usual, so there is no reason to give."
            for name in ("exemption_reason", "exemption_reason_code"):
                if data[name] is not None:
                    wrong[name] = [Flaw("exemption-not-allowed", detail)]
        if wrong:
            raise ma.ValidationError(wrong)

    @ma.post_load
    def keep_as_it_counts(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        data["rate"] = key(Tax(category=data["category"], rate=data["rate"])).rate
        data["components"] = [{"name": one["name"], "rate": plain(one["rate"])} for one in data["components"]]
        return data

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        # In a merge patch null means "remove", so an absent member is how a null one is written.
        return {name: value for name, value in data.items() if value is not None}


class TaxRateOutput(TaxRateInput):
    """A tax rate, whole."""

    id = Id(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Function(lambda rate: {"self": f"/v1/tax-rates/{rate.id}"}, metadata=LINKS)

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data


class TaxRateFilter(PageQuery):
    """Which tax rates, in which order."""

    sort = sort_field("created_at", "updated_at", "name")
    archived = Choice("true", "false", "any", load_default="false")
    updated_since = Instant()


class ProductInput(Body):
    """A product, as it may be written."""

    examples = {
        "A service": {
            "name": "Consulting",
            "description": "Consulting, senior engineer",
            "sku": "CON-1",
            "unit": "HUR",
            "unit_price": "120.00",
            "currency": "EUR",
            "tax_rate": "19",
            "metadata": {"cost_centre": "4711"},
        },
        "As little as possible": {"name": "Handbook", "unit_price": "24.90"},
    }
    patches = {"Another price": {"unit_price": "125.00"}, "Archive": {"archived": True}}

    name = OneLine(255, required=True, metadata={"example": "Consulting"})
    description = Prose(4000, load_default=None)
    external_id = OneLine(255, load_default=None, metadata={"description": "Your own key; unique in the organization."})
    sku = OneLine(128, load_default=None)
    unit = unit_field(load_default="C62")
    unit_price = Price(required=True)
    base_quantity = Exact(12, 8, load_default=Decimal(1), is_positive=True, metadata={"example": "1"})
    currency = currency_field(load_default=None)
    prices_include_tax = Flag(load_default=False)
    tax_rate_id = Reference("tax rate", load_default=None)
    tax_category = tax_category_field(load_default=None)
    tax_rate = rate_field(load_default=None)
    metadata = Metadata(attribute="metadata_", load_default=dict)
    archived = Flag(load_default=False)

    @ma.validates_schema(skip_on_field_errors=False)
    def have_a_base(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("base_quantity", 1) <= 0:
            detail = "The base quantity of a price must be above 0."
            raise refuse("base-quantity-not-positive", detail, "/base_quantity")

    @ma.validates_schema
    def be_taxed_once(self, data: dict[str, Any], **_: Any) -> None:
        category, rate = data["tax_category"], data["tax_rate"]
        if category is None and rate is None:
            return
        if data["tax_rate_id"] is not None:
            raise refuse("taxes-twice", "Give tax_rate_id, or tax_category and tax_rate.", "/tax_rate_id")
        wrong = faults_of(Tax(category=category or "S", rate=rate), "/tax_category", "/tax_rate")
        if wrong:
            raise ma.ValidationError({"tax_rate": [Flaw(fault.code, fault.detail) for fault in wrong]})

    @ma.post_load
    def keep_as_it_counts(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        category, rate = data["tax_category"], data["tax_rate"]
        if category is not None or rate is not None:
            tax = key(Tax(category=category or "S", rate=rate))
            data["tax_category"], data["tax_rate"] = tax.category, tax.rate
        return data

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        # In a merge patch null means "remove", so an absent member is how a null one is written.
        return {name: value for name, value in data.items() if value is not None}


class ProductOutput(ProductInput):
    """A product, whole."""

    id = Id(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Method("link", metadata=LINKS)

    def link(self, product: Any) -> dict[str, str]:
        rate = {"tax_rate": f"/v1/tax-rates/{product.tax_rate_id}"} if product.tax_rate_id else {}
        return {"self": f"/v1/products/{product.id}", **rate}

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data


class ProductFilter(SearchQuery):
    """Which products, in which order."""

    sort = sort_field("created_at", "updated_at", "name")
    external_id = Text(255)
    sku = Text(128)
    tax_rate_id = Id()
    archived = Choice("true", "false", "any", load_default="false")
    updated_since = Instant()
