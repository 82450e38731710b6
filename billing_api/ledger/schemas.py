"""The forms of the books."""

from typing import Any

from marshmallow import fields

from billing_api.domain.bookkeeping import ACCOUNTS, ENTRY_TYPES
from billing_api.domain.money import amount_text
from billing_api.web.decimals import Exact
from billing_api.web.fields import LINKS, Choice, Date, Id, Instant, Schema
from billing_api.web.lists import currency_field
from billing_api.web.pagination import PageQuery, sort_field

_AMOUNT = {"type": "string", "example": "119.00"}


class PostingOutput(Schema):
    """A line of an entry."""

    account = Choice(*ACCOUNTS, required=True)
    debit = fields.Method("debited", required=True, metadata=_AMOUNT)
    credit = fields.Method("credited", required=True, metadata=_AMOUNT)
    invoice_id = Id(required=True, allow_none=True)
    source_id = Id(required=True, allow_none=True)
    method = fields.String(required=True, allow_none=True)
    tax_category = fields.String(required=True, allow_none=True)
    tax_rate = Exact(4, 4, required=True, allow_none=True)
    tax_name = fields.String(required=True, allow_none=True)

    def debited(self, posting: Any) -> str:
        return amount_text(max(posting.amount, 0), posting.entry.currency)

    def credited(self, posting: Any) -> str:
        return amount_text(max(-posting.amount, 0), posting.entry.currency)


class EntryReference(Schema):
    """The document for which an entry was made."""

    type = fields.String(required=True)
    id = Id(required=True)


def _links(entry: Any) -> dict[str, str]:
    document = f"/v1/{entry.object_type.replace('_', '-')}s/{entry.object_id}"
    return {"object": document, "customer": f"/v1/customers/{entry.customer_id}"}


class EntryOutput(Schema):
    """An entry of the ledger: its debits equal its credits."""

    rows = ("postings",)

    id = Id(required=True)
    type = Choice(*ENTRY_TYPES, hint="For what it was made.", required=True)
    entry_date = Date(required=True)
    customer_id = Id(required=True)
    currency = fields.String(required=True)
    object = fields.Nested(EntryReference, required=True)
    postings = fields.List(fields.Nested(PostingOutput), required=True)
    created_at = Instant(required=True)
    links = fields.Function(_links, metadata=LINKS)


class EntryFilter(PageQuery):
    """Which entries, in which order."""

    sort = sort_field("created_at", "entry_date")
    customer_id = Id()
    object_id = Id()
    currency = currency_field()
    entry_date_from = Date()
    entry_date_to = Date()
