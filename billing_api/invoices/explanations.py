"""What the explanation and the history of an invoice look like from outside."""

from typing import Any

from marshmallow import fields

from billing_api.domain.calculation_rules import FUNCTIONS, RULES
from billing_api.events.schemas import EventQuery
from billing_api.web.fields import LINKS, Choice, Id, Schema

_RULE = "The name of a rule of the arithmetic, such as line-amount."
_FIGURE = {"type": "string", "example": "119.00"}
_FIGURES = {"anyOf": [_FIGURE, {"type": "array", "items": {"type": "string"}}]}
_POINTERS = {"type": "array", "items": {"type": ["string", "null"]}}


class StepOutput(Schema):
    """One step: the result follows from the inputs by the formula."""

    rule = Choice(*RULES, hint=_RULE, required=True)
    formula = fields.String(required=True)
    pointer = fields.Raw(required=True, allow_none=True, metadata={"anyOf": [{"type": "string"}, _POINTERS]})
    inputs = fields.Dict(required=True, metadata={"additionalProperties": _FIGURES})
    result = fields.Raw(required=True, metadata=_FIGURES)
    currency = fields.String(required=True)


class RuleOutput(Schema):
    """A rule in words, and where it comes from."""

    rule = Choice(*RULES, hint=_RULE, required=True)
    description = fields.String(required=True)
    reference = fields.String(required=True, allow_none=True)


class CalculationOutput(Schema):
    """Every step from the lines of an invoice to what is due, in the order in which they are computed."""

    id = Id(attribute="invoice.id", required=True, allow_none=True)
    currency = fields.String(attribute="invoice.currency", required=True)
    steps = fields.List(fields.Nested(StepOutput), required=True)
    rules = fields.List(fields.Nested(RuleOutput), required=True)
    functions = fields.Function(
        lambda _: FUNCTIONS,
        required=True,
        metadata={"type": "object", "additionalProperties": {"type": "string"}},
    )
    version = fields.Integer(attribute="invoice.version", required=True, allow_none=True)
    links = fields.Method("link", metadata=LINKS)

    def link(self, calculation: Any) -> dict[str, str]:
        if calculation.invoice.id is None:
            return {}
        invoice = f"/v1/invoices/{calculation.invoice.id}"
        return {"self": f"{invoice}/calculation", "invoice": invoice}


class PreviewQuery(Schema):
    """How to preview an invoice."""

    include = Choice("calculation")


class InvoiceEventQuery(EventQuery):
    """Which of them: those after a sequence number."""

    class Meta:
        fields = ("after", "limit")
