"""The forms of the organization, and of what parties have in common: addresses, tax ids, contacts."""

from typing import Any

import marshmallow as ma
from marshmallow import fields
from stdnum import iban

from billing_api.organizations.tax_ids import WrongTaxId, normalized
from billing_api.web.bodies import Body, Several
from billing_api.web.fields import (
    LINKS,
    Choice,
    Date,
    Email,
    Flag,
    Id,
    Instant,
    Integer,
    OneLine,
    Prose,
    Schema,
    Text,
    refuse,
)
from billing_api.web.lists import country_field, currency_field, time_zone_field


class Address(Body):
    """A postal address. Only an invoice that is issued asks for its country."""

    line1 = OneLine(255)
    line2 = OneLine(255)
    postal_code = OneLine(32)
    city = OneLine(128)
    region = OneLine(128)
    country = country_field()


class TaxId(Body):
    """A tax identifier: what kind it is, and itself. Of the kinds that are known, form and check digits are verified,
    and the number is kept without spaces and punctuation; of others it stays as it was written. Whether a number has
    been given out is for its register to say."""

    type = Text(
        32,
        pattern="[a-z][a-z0-9_]*",
        hint="The kind of number in small letters, digits and underscores, such as eu_vat, gb_vat or de_steuernummer.",
        required=True,
        metadata={"example": "eu_vat"},
    )
    value = OneLine(64, required=True, metadata={"example": "DE136695976"})

    @ma.validates_schema(skip_on_field_errors=False)
    def be_of_its_kind(self, data: dict[str, str], **_: Any) -> None:
        if not {"type", "value"} <= data.keys():
            return
        try:
            normalized(data["type"], data["value"])
        except WrongTaxId as error:
            raise refuse("tax-id-invalid", str(error), "/value") from None

    @ma.post_load
    def keep_normalized(self, data: dict[str, str], **_: Any) -> dict[str, str]:
        return {**data, "value": normalized(data["type"], data["value"])}


class Contact(Body):
    """Somebody, or some desk, to turn to."""

    name = OneLine(255)
    email = Email()
    phone = OneLine(64)


_SCHEME = "A scheme of the EAS list, of four digits or AN, AQ, AS, AU, EM, such as 0204 (Leitweg-ID)."


class ElectronicAddress(Body):
    """Where electronic documents are sent: a scheme of the EAS list and the address in it."""

    scheme_id = Text(4, pattern="[0-9]{4}|A[NQSU]|EM", hint=_SCHEME, required=True, metadata={"example": "0204"})
    value = OneLine(255, required=True)


_AN_IBAN = "DE75512108001245126199"
_IBAN = f"An IBAN, which begins with its country and two check digits, such as {_AN_IBAN}."
_BIC = "A BIC of 8 or 11 capitals and digits, such as SOLADEST600."


class BankAccount(Body):
    """Where the seller is paid."""

    account_holder = OneLine(255)
    iban = Text(42, pattern="[A-Z]{2}[0-9]{2}[A-Za-z0-9 ]{8,38}", hint=_IBAN, metadata={"example": _AN_IBAN})
    bic = Text(11, pattern="[A-Z0-9]{8}([A-Z0-9]{3})?", hint=_BIC, metadata={"example": "SOLADEST600"})
    bank_name = OneLine(255)

    @ma.validates_schema(skip_on_field_errors=False)
    def have_true_check_digits(self, data: dict[str, Any], **_: Any) -> None:
        # One digit mistyped on an invoice sends its payment astray.
        if "iban" in data and not iban.is_valid(data["iban"], check_country=False):
            raise refuse("not-an-iban", "Its check digits do not fit the rest of it.", "/iban")


class OrganizationInput(Body):
    """The seller, as its administrators may change it."""

    patches = {
        "Complete the seller, so that invoices can be issued": {
            "legal_name": "Analytical Engines GmbH",
            "address": {"line1": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"},
            "tax_ids": [{"type": "eu_vat", "value": "DE136695976"}],
            "bank_account": {"account_holder": "Analytical Engines GmbH", "iban": "DE75512108001245126199"},
        },
        "Change the terms, and remove the notice": {"net_terms_days": 14, "legal_notice": None},
    }

    name = OneLine(255, required=True)
    legal_name = OneLine(255, load_default=None)
    address = fields.Nested(Address, load_default=None)
    country = country_field(required=True)
    tax_ids = Several(fields.Nested(TaxId), 20, load_default=list)
    registration_number = OneLine(64, load_default=None)
    tax_registered = Flag(
        load_default=True, metadata={"description": "False for a small business that charges no tax."}
    )
    exemption_reason = Prose(1000, load_default=None, metadata={"description": "Why it charges none."})
    time_zone = time_zone_field(required=True)
    default_currency = currency_field(required=True)
    tax_currency = currency_field(load_default=None)
    net_terms_days = Integer(0, 3650, load_default=30)
    bank_account = fields.Nested(BankAccount, load_default=None)
    email = Email(load_default=None)
    phone = OneLine(64, load_default=None)
    contact = fields.Nested(Contact, load_default=None)
    electronic_address = fields.Nested(ElectronicAddress, load_default=None)
    legal_notice = Prose(4000, load_default=None)
    books_locked_until = Date(load_default=None)
    cancellation_mode = Choice("credit_note", "void", required=True)
    require_if_match = Flag(load_default=False)
    require_second_factor = Flag(load_default=False)

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        # In a merge patch null means "remove", so an absent member is how a null one is written.
        return {name: value for name, value in data.items() if value is not None}

    @ma.validates_schema(skip_on_field_errors=False)
    def require_reason(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("tax_registered") is False and data.get("exemption_reason", "") is None:
            raise refuse("required", "A business that charges no tax must say why.", "/exemption_reason")


class OrganizationOutput(OrganizationInput):
    """The seller, whole."""

    id = Id(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    closed_at = Instant(required=True, allow_none=True)
    links = fields.Function(lambda organization: {"self": "/v1/organization"}, metadata=LINKS)

    @ma.post_dump
    def leave_out_null(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data


class OrganizationSummary(Schema):
    """The organization in short: what whoever logs in is shown, even where they may not read all of it."""

    id = Id(required=True)
    name = fields.String(required=True)
    country = country_field(required=True)
    default_currency = currency_field(required=True)
    time_zone = time_zone_field(required=True)
    require_second_factor = fields.Boolean(required=True)
    links = fields.Function(lambda organization: {"self": "/v1/organization"}, metadata=LINKS)


class CloseInput(Body):
    """The organization's name, as a confirmation that this very one is meant."""

    examples = {"The name, as it is shown": {"name": "Analytical Engines"}}

    name = OneLine(255, required=True)
