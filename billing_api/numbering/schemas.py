"""The forms of a number series and of its audit."""

from typing import Any

from marshmallow import fields

from billing_api.domain.numbering import LARGEST_VALUE
from billing_api.web.bodies import Body
from billing_api.web.fields import LINKS, Choice, Date, Id, Instant, Integer, Schema, Text
from billing_api.web.pagination import PageQuery, sort_field

DOCUMENT_TYPES = ("invoice", "credit_note")
_PATTERN = "The words of the number, with {YYYY}, {YY}, {MM} and one counter such as {####}: INV-{YYYY}-{####}."


def pattern_field(**kwargs: Any) -> Text:
    """A pattern of numbers; which tokens belong together is for the domain to say."""
    return Text(64, metadata={"description": _PATTERN, "example": "INV-{YYYY}-{####}"}, **kwargs)


class NumberSeriesInput(Body):
    """How a series numbers, as its administrators may change it."""

    patches = {
        "Number invoices in the way of the system before": {"pattern": "RE-{YYYY}-{#####}", "start_value": 421},
        "Never start anew": {"reset": "never"},
    }

    pattern = pattern_field(required=True)
    reset = Choice("never", "yearly", required=True)
    start_value = Integer(1, LARGEST_VALUE, required=True)
    next_value = Integer(1, LARGEST_VALUE, load_default=None)


class Upcoming(Schema):
    """How a series will number from a date on."""

    pattern = pattern_field(required=True)
    reset = Choice("never", "yearly", required=True)
    from_ = Date(required=True, data_key="from", attribute="from")


class NumberSeriesOutput(Schema):
    """A series as it stands today."""

    moves = True

    id = Id(required=True)
    document_type = Choice(*DOCUMENT_TYPES, required=True)
    pattern = pattern_field(required=True)
    reset = Choice("never", "yearly", required=True)
    upcoming = fields.Nested(Upcoming, required=True, allow_none=True)
    start_value = fields.Integer(required=True)
    next_value = fields.Integer(required=True)
    next_number = fields.String(required=True, allow_none=True)
    last_number = fields.String(required=True, allow_none=True)
    last_issue_date = Date(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    version = fields.Integer(required=True)
    links = fields.Function(
        lambda series: {"self": f"/v1/number-series/{series.id}", "audit": f"/v1/number-series/{series.id}/audit"},
        metadata=LINKS,
    )


class NumberSeriesFilter(PageQuery):
    """Which series, in which order."""

    sort = sort_field("document_type", default="-document_type")
    document_type = Choice(*DOCUMENT_TYPES)


class GapOutput(Schema):
    """Values of the counter that no number has, both ends included."""

    period = fields.String(required=True)
    from_ = fields.Integer(required=True, data_key="from", attribute="from")
    to = fields.Integer(required=True)


class VoidedNumberOutput(Schema):
    """A number whose document was voided."""

    number = fields.String(required=True)
    issue_date = Date(required=True)
    voided_at = Instant(required=True)
    document_id = Id(required=True)


class MisplacedNumberOutput(Schema):
    """A number whose date lies before that of the number before."""

    number = fields.String(required=True)
    issue_date = Date(required=True)
    previous_issue_date = Date(required=True)


class NumberPeriodOutput(Schema):
    """A period of a series: a year, or all time."""

    period = fields.String(required=True)
    complete = fields.Boolean(required=True, attribute="is_complete")
    chronological = fields.Boolean(required=True, attribute="is_chronological")
    first = fields.String(required=True, allow_none=True)
    last = fields.String(required=True, allow_none=True)
    count = fields.Integer(required=True)
    imported_count = fields.Integer(required=True, attribute="imported")
    voided_count = fields.Integer(required=True, attribute="voided")
    gap_count = fields.Integer(required=True, attribute="missing")
    imported_gap_count = fields.Integer(required=True, attribute="missing_below")


class NumberAuditOutput(Schema):
    """What the register says about a series."""

    document_type = Choice(*DOCUMENT_TYPES, required=True)
    complete = fields.Boolean(required=True)
    chronological = fields.Boolean(required=True)
    first = fields.String(required=True, allow_none=True)
    last = fields.String(required=True, allow_none=True)
    count = fields.Integer(required=True)
    imported_count = fields.Integer(required=True)
    outside_count = fields.Integer(required=True)
    gap_count = fields.Integer(required=True)
    gaps = fields.List(fields.Nested(GapOutput), required=True)
    imported_gap_count = fields.Integer(required=True)
    imported_gaps = fields.List(fields.Nested(GapOutput), required=True)
    voided_count = fields.Integer(required=True)
    voided = fields.List(fields.Nested(VoidedNumberOutput), required=True)
    out_of_order_count = fields.Integer(required=True)
    out_of_order = fields.List(fields.Nested(MisplacedNumberOutput), required=True)
    periods = fields.List(fields.Nested(NumberPeriodOutput), required=True)
    links = fields.Function(
        lambda audit: {
            "self": f"/v1/number-series/{audit['id']}/audit",
            "series": f"/v1/number-series/{audit['id']}",
        },
        metadata=LINKS,
    )
