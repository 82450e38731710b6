"""The middle of the way: whom is sold to, what is sold, and the documents and the money that come of it."""

from tests.clients.postman.steps import Folder, Step

BUYER = {"customer_id": "{{customer_id}}"}
SPARE_CUSTOMER = {"customer_id": "{{spare_customer_id}}"}
ISSUED = {"invoice_id": "{{issued_invoice_id}}"}
COPY = {"invoice_id": "{{copy_invoice_id}}"}
PAID = {"invoice_id": "{{paid_invoice_id}}"}
LITTLE = {**BUYER, "finalize": True}
OWED = [{"description": "Goods sent back", "quantity": "-1", "unit_price": "50.00", "tax_rate": "19"}]

CUSTOMERS = Folder(
    "Customers",
    "Whom the organization sells to.",
    (
        Step("customers_create"),
        Step("customers_read"),
        Step("customers_read", "Read the customer, if it has changed", "it has not.", status=304),
        Step("customers_replace", is_guarded=True),
        Step("customers_update", example=1, is_guarded=True),
        Step("customers_search", query={"limit": "1", "include_total": "true"}),
        Step("customers_upsert", example=1, path={"external_id": "A-1001"}, into="spare_customer_id", status=201),
        Step(
            "customers_upsert",
            "Replace the customer with an external id",
            example=1,
            path={"external_id": "A-1001"},
            status=200,
        ),
        Step("customers_anonymize", path=SPARE_CUSTOMER),
        Step("customers_delete", path=SPARE_CUSTOMER),
        Step("customers_create_bulk", example=1),
    ),
)
NUMBERS = Folder(
    "Number series",
    "How documents are numbered, and the audit.",
    (
        Step("number_series_search", query={"document_type": "invoice"}, keep={"series_id": "data[0].id"}),
        Step("number_series_read"),
        Step("number_series_update", is_guarded=True),
        Step("number_series_audit"),
    ),
)
CATALOGUE = Folder(
    "Products and tax rates",
    "What the organization sells, and taxes by name.",
    (
        Step("products_create"),
        Step("products_read"),
        Step("products_replace", is_guarded=True),
        Step("products_update", is_guarded=True),
        Step("products_search", query={"archived": "any", "limit": "1"}),
        Step("products_delete", is_guarded=True),
        Step("tax_rates_create"),
        Step("tax_rates_read"),
        Step("tax_rates_replace", is_guarded=True),
        Step("tax_rates_update", is_guarded=True),
        Step("tax_rates_search", query={"archived": "any", "limit": "1"}),
        Step("tax_rates_delete", is_guarded=True),
    ),
)
INVOICES = Folder(
    "Invoices",
    "From a draft to a numbered, immutable document.",
    (
        Step("invoices_preview"),
        Step("invoices_create", change=BUYER),
        Step("invoices_read"),
        Step("invoices_calculation"),
        Step("invoices_history", query={"limit": "10"}),
        Step("invoices_replace", change=BUYER, is_guarded=True),
        Step("invoices_update", example=1, is_guarded=True),
        Step("invoices_search", query={"status": "draft", "limit": "1"}),
        Step("invoices_finalize", is_guarded=True),
        Step("invoices_create", "Issue an invoice at once", example=1, change=LITTLE, into="issued_invoice_id"),
        Step("invoices_mark_sent", path=ISSUED, is_guarded=True),
        Step("invoices_mark_uncollectible", path=ISSUED),
        Step("invoices_mark_collectible", path=ISSUED),
        Step("invoices_duplicate", path=ISSUED, into="copy_invoice_id"),
        Step("invoices_finalize", "Finalize the duplicate", path=COPY, has_body=False),
        Step("invoices_void", path=COPY),
        Step(
            "invoices_create_bulk",
            example=1,
            change={"items": [{**BUYER, "lines": OWED}]},
            keep={"draft_invoice_id": "results[0].id"},
        ),
        Step("invoices_delete", path={"invoice_id": "{{draft_invoice_id}}"}),
    ),
)
PAYMENTS = Folder(
    "Payments",
    "Money that comes in, is applied to invoices, and goes back.",
    (
        Step("payments_pay", path=ISSUED, into="first_payment_id"),
        Step("payments_create", change=BUYER),
        Step("payments_apply_balance", path=ISSUED, example=1),
        Step("payments_read"),
        Step("payments_update"),
        Step("payments_search", query={"limit": "1"}),
        Step("payments_refund", into="refund_id"),
        Step("payments_read_refund"),
        Step("payments_search_refunds", query={"limit": "1"}),
        Step("payments_create", "Record a payment that comes back", change=BUYER, into="returned_payment_id"),
        Step("payments_reverse", path={"payment_id": "{{returned_payment_id}}"}),
        Step(
            "invoices_create",
            "Issue an invoice below zero",
            example=1,
            change={**LITTLE, "lines": OWED},
            into="owed_invoice_id",
        ),
        Step("payments_refund_invoice", path={"invoice_id": "{{owed_invoice_id}}"}, into="owed_refund_id"),
        Step("ledger_search", query={"limit": "1"}),
    ),
)
CREDIT_NOTES = Folder(
    "Credit notes",
    "What is taken back of invoices, exact to the cent in any order.",
    (
        Step(
            "invoices_create",
            "Issue an invoice to take back",
            example=1,
            change=LITTLE,
            into="paid_invoice_id",
            keep={"amount_due": "amount_due"},
        ),
        Step("payments_pay", "Pay it", path=PAID, change={"amount": "{{amount_due}}"}, into="last_payment_id"),
        Step("credit_notes_preview", change=PAID),
        Step("credit_notes_create", change=PAID),
        Step("credit_notes_read"),
        Step("credit_notes_update", is_guarded=True),
        Step("credit_notes_search", query={"limit": "1"}),
        Step("credit_notes_refund", into="credit_refund_id"),
        Step("credit_notes_revise", why="the first invoice.", into="revised_invoice_id"),
    ),
)
REPORTS = Folder(
    "Reports, events and audit log",
    "What is owed, what was moved, and who did what.",
    (
        Step("reports_balance"),
        Step("reports_statement"),
        Step("reports_trial_balance"),
        Step("reports_tax_summary"),
        Step("events_list", query={"after": "0", "limit": "10"}),
        Step("audit_log_search", query={"limit": "1"}, keep={"entry_id": "data[0].id"}),
        Step("audit_log_read"),
    ),
)
DOCUMENTS = (CUSTOMERS, NUMBERS, CATALOGUE, INVOICES, PAYMENTS, CREDIT_NOTES, REPORTS)
"""In this order, in which each finds what it needs."""
