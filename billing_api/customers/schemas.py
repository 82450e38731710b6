"""The forms of a customer."""

from typing import Any

import marshmallow as ma
from marshmallow import fields

from billing_api.domain.treatment import TREATMENTS
from billing_api.organizations.schemas import Address, Contact, ElectronicAddress, TaxId
from billing_api.web.bodies import Body, Metadata, Several
from billing_api.web.fields import LINKS, Choice, Date, Email, Flag, Id, Instant, Integer, Key, OneLine, Prose, Text
from billing_api.web.filters import SearchQuery
from billing_api.web.lists import currency_field, locale_field
from billing_api.web.pagination import sort_field


class Exemption(Body):
    """Why this customer is not taxed, and the certificate that says so."""

    reason = Prose(1000)
    reason_code = OneLine(32, metadata={"example": "VATEX-EU-132"})
    certificate_number = OneLine(64)
    valid_until = Date()

    @ma.post_load
    def keep_as_text(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        # It goes into a JSON column, which has no dates; as a date it would never equal what stands there.
        return {name: value.isoformat() if name == "valid_until" else value for name, value in data.items()}


class CustomerInput(Body):
    """A customer, as it may be written."""

    examples = {
        "A company": {
            "name": "Difference Works GmbH",
            "email": "accounts@difference.example",
            "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}],
            "billing_address": {
                "line1": "Königsworther Platz 1",
                "postal_code": "30167",
                "city": "Hannover",
                "country": "DE",
            },
            "net_terms_days": 14,
            "metadata": {"account_manager": "Grace"},
        },
        "Only a name": {"name": "Difference Works GmbH"},
    }
    patches = {
        "Archive": {"archived": True},
        "Move": {
            "billing_address": {"line1": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}
        },
    }

    type = Choice("business", "individual", load_default="business")
    name = OneLine(255, required=True, metadata={"example": "Difference Works Ltd"})
    legal_name = OneLine(255, load_default=None)
    email = Email(load_default=None, metadata={"description": "Unique in the organization; capitals do not count."})
    billing_emails = Several(Email(), 20, load_default=list)
    external_id = Key(255, load_default=None, metadata={"description": "Your own key; unique in the organization."})
    tax_ids = Several(fields.Nested(TaxId), 20, load_default=list)
    registration_number = OneLine(64, load_default=None)
    billing_address = fields.Nested(Address, load_default=None)
    shipping_address = fields.Nested(Address, load_default=None)
    phone = OneLine(64, load_default=None)
    contact = fields.Nested(Contact, load_default=None)
    electronic_address = fields.Nested(ElectronicAddress, load_default=None)
    currency = currency_field(load_default=None)
    locale = locale_field(load_default=None)
    net_terms_days = Integer(0, 3650, load_default=None)
    tax_treatment = Choice(*TREATMENTS, load_default="standard")
    exemption = fields.Nested(Exemption, load_default=None)
    metadata = Metadata(attribute="metadata_", load_default=dict)
    archived = Flag(load_default=False)

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        # In a merge patch null means "remove", so an absent member is how a null one is written.
        return {name: value for name, value in data.items() if value is not None}


class CustomerImport(CustomerInput):
    """A customer of another system, known again by its key there."""

    external_id = Key(255, required=True)


class CustomerOutput(CustomerInput):
    """A customer, whole."""

    id = Id(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    anonymized_at = Instant(required=True, allow_none=True)
    links = fields.Function(lambda customer: {"self": f"/v1/customers/{customer.id}"}, metadata=LINKS)

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data


class CustomerFilter(SearchQuery):
    """Which customers, in which order."""

    sort = sort_field("created_at", "updated_at", "name")
    email = Text(254)
    external_id = Key(255)
    archived = Choice("true", "false", "any", load_default="false")
    updated_since = Instant()
