"""How invoices are read and made: as plain objects with their parts."""

from billing_api.invoices.breakdown import InvoiceTaxGroup
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceAdjustment, InvoiceLine, InvoiceLineTax
from billing_api.reading import Shape

LINE_TAX = Shape(InvoiceLineTax)
LINE = Shape(InvoiceLine, "invoice_id", taxes=LINE_TAX)
ADJUSTMENT = Shape(InvoiceAdjustment)
TAX_GROUP = Shape(InvoiceTaxGroup)


def _shape(*unread: str) -> Shape:
    return Shape(Invoice, "invoice_id", unread, lines=LINE, adjustments=ADJUSTMENT, tax_breakdown=TAX_GROUP)


SHOWN = _shape("request")
"""An invoice with all that is shown of it; the body that it came in is as long, and is not."""
WHOLE = _shape()
"""The same with that body, which tells what stands in the way of a draft's issue."""
