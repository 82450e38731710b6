"""What breaks each CHECK of the database: what is set in the rows of a tenant who owns one of everything."""

AMOUNTS = (
    "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
    "rounding_amount", "payable_amount", "amount_paid", "amount_credited", "cash_rounding_increment",
    "tax_total_in_tax_currency",
)  # fmt: skip
A_USER = "SELECT min(u.id::text)::uuid FROM users u WHERE u.organization_id = invitations.organization_id"
"""A user of an invitation's organization."""


def too_far(*names: str) -> list[str]:
    """Amounts further from zero than any may lie."""
    return [f"{name} = {sign}1000000000000001" for name in names for sign in ("", "-")]


RATES = [
    "rate = -1", "rate = 1000.0001", "rate = 0, category = 'S'", "rate = 7, category = 'Z'",
    "rate = 7, category = 'AE'",
]  # fmt: skip
PERIODS = [
    "billing_period_start = '2026-02-01', billing_period_end = '2026-01-31'",
    "billing_period_start = '2026-02-01', billing_period_end = NULL",
    "billing_period_start = NULL, billing_period_end = '2026-01-31'",
]
VERSIONS = ["version = 0", "version = -1"]
NOBODY = {
    "archived": "true", "name": "'Anonymized customer'", "billing_emails": "'[]'", "tax_ids": "'[]'",
    "metadata": "'{}'", **dict.fromkeys(("billing_address", "shipping_address", "email", "email_key"), "NULL"),
}  # fmt: skip
"""What an anonymized customer has been left with, as far as the others had anything else."""


def anonymized(**but: str) -> str:
    return ", ".join(f"{name} = {value}" for name, value in {"anonymized_at": "now()", **NOBODY, **but}.items())


SOMEBODY = [
    *(anonymized(**{name: "'x'"}) for name in ("email", "email_key", "external_id", "name", "legal_name")),
    *(anonymized(**{name: "'x'"}) for name in ("registration_number", "phone")),
    *(
        anonymized(**{name: """'{"name": "x"}'"""})
        for name in (
            "billing_address", "shipping_address", "contact", "electronic_address", "exemption", "metadata",
        )
    ),
    *(anonymized(**{name: """'["x"]'"""}) for name in ("billing_emails", "tax_ids")),
    anonymized(archived="false"),
]  # fmt: skip

CASES = {
    "ck_api_keys_has_scopes": ["scopes = '{}'"],
    "ck_api_keys_version_positive": VERSIONS,
    "ck_invitations_accepted_by_somebody": [f"user_id = ({A_USER})", "accepted_at = now()"],
    "ck_invitations_role_known": ["role = 'king'"],
    "ck_invitations_version_positive": VERSIONS,
    "ck_audit_entries_action_form": ["action = 'login'", "action = 'Login.refused'", "action = 'login.refused '"],
    "ck_audit_entries_actor_named": ["actor_type = 'system', actor_id = id", "actor_type = 'user', actor_id = NULL"],
    "ck_audit_entries_actor_type_known": ["actor_type = 'nobody'"],
    "ck_audit_entries_object_named": [
        "object_type = 'user', object_id = NULL", "object_type = NULL, object_id = id",
    ],
    "ck_credit_note_adjustments_amounts_in_range": too_far("amount", "net"),
    "ck_credit_note_adjustments_position_not_negative": ["position = -1"],
    "ck_credit_note_lines_amounts_in_range": too_far("amount", "allowance_total", "charge_total", "net", "gross"),
    "ck_credit_note_lines_net_adds_up": ["net = net + 1", "amount = amount - 1", "charge_total = charge_total + 1"],
    "ck_credit_note_lines_position_range": ["position = 0", "position = 1001"],
    "ck_credit_note_lines_price_has_its_quantity": ["quantity = NULL", "unit_price = NULL"],
    "ck_credit_note_tax_groups_amounts_in_range": too_far(
        "taxable_amount", "tax_amount", "tax_amount_in_tax_currency"
    ),
    "ck_credit_note_tax_groups_position_not_negative": ["position = -1"],
    "ck_credit_notes_amounts_in_range": too_far(
        "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "rounding_amount",
        "tax_total_in_tax_currency",
    ),
    "ck_credit_notes_payable_not_negative": ["rounding_amount = -total - 1"],
    "ck_credit_notes_sequence_value_positive": ["sequence_value = 0", "sequence_value = -1"],
    "ck_credit_notes_settlement_known": ["settlement = 'voucher'"],
    "ck_credit_notes_sums_add_up": ["tax_total = tax_total + 1", "subtotal = subtotal - 1"],
    "ck_allocations_amount_positive": ["amount = 0", "amount = -1"],
    "ck_allocations_released_whole": ["released_at = now()", "released_on = '2026-01-01'"],
    "ck_customers_anonymized_is_nobody": SOMEBODY,
    "ck_customers_currency_form": ["currency = 'eur'", "currency = 'EURO'", "currency = ''", "currency = 'EUR '"],
    "ck_customers_email_has_key": ["email_key = NULL", "email = NULL"],
    "ck_customers_net_terms_days_range": ["net_terms_days = -1", "net_terms_days = 3651"],
    "ck_customers_tax_treatment_known": ["tax_treatment = 'none'", "tax_treatment = ''"],
    "ck_customers_type_known": ["type = 'company'"],
    "ck_customers_version_positive": VERSIONS,
    "ck_document_numbers_document_type_known": ["document_type = 'receipt'"],
    "ck_document_numbers_number_length": ["number = ''", "number = repeat('1', 65)"],
    "ck_document_numbers_placed_when_given": [
        "period = NULL", "sequence_value = NULL", "period = NULL, sequence_value = NULL",
    ],
    "ck_document_numbers_sequence_value_positive": ["sequence_value = 0"],
    "ck_event_counters_last_sequence_not_negative": ["last_sequence = -1"],
    "ck_events_actor_named": ["actor_id = NULL", "actor_type = 'system'"],
    "ck_events_actor_type_known": ["actor_type = 'robot'"],
    "ck_events_sequence_positive": ["sequence = 0", "sequence = -1"],
    "ck_idempotency_keys_key_length": ["key = ''", "key = repeat('k', 256)"],
    "ck_idempotency_keys_status_is_success": ["status = 199", "status = 300", "status = 409", "status = 500"],
    "ck_invoice_adjustments_amounts_in_range": too_far("amount", "base_amount"),
    "ck_invoice_adjustments_credited_within_adjustment": [
        "credited_amount = 1", "stands_alone = true, is_charge = true, credited_amount = amount + 1",
        "stands_alone = true, is_charge = false, credited_amount = 1",
        "stands_alone = true, is_charge = false, credited_amount = -amount - 1",
    ],
    "ck_invoice_adjustments_only_document_stands_alone": [
        "stands_alone = true, line_id = (SELECT id FROM invoice_lines l "
        "WHERE l.organization_id = invoice_adjustments.organization_id "
        "AND l.invoice_id = invoice_adjustments.invoice_id LIMIT 1)"
    ],
    "ck_invoice_adjustments_only_out_of_scope_has_no_rate": [
        "tax_category = 'O', tax_rate = 0", "tax_category = 'E', tax_rate = NULL"
    ],
    "ck_invoice_adjustments_position_not_negative": ["position = -1"],
    "ck_invoice_adjustments_rate_fits_category": [
        f"tax_{case}".replace(", category", ", tax_category") for case in RATES
    ],
    "ck_invoice_adjustments_tax_category_known": ["line_id = NULL, position = 7, tax_category = 'X'"],
    "ck_invoice_adjustments_tax_on_document_only": [
        "tax_category = 'S', line_id = (SELECT id FROM invoice_lines l "
        "WHERE l.organization_id = invoice_adjustments.organization_id "
        "AND l.invoice_id = invoice_adjustments.invoice_id LIMIT 1)"
    ],
    "ck_invoice_adjustments_tax_rate_has_category": ["tax_category = NULL, tax_rate = 19"],
    "ck_invoice_line_taxes_category_known": ["category = 'X'", "category = 's'"],
    "ck_invoice_line_taxes_only_out_of_scope_has_no_rate": ["category = 'O'", "category = 'E', rate = NULL"],
    "ck_invoice_line_taxes_position_not_negative": ["position = -1"],
    "ck_invoice_line_taxes_rate_fits_category": RATES,
    "ck_invoice_lines_amounts_in_range": too_far("amount", "allowance_total", "charge_total", "net", "gross"),
    "ck_invoice_lines_base_quantity_positive": ["base_quantity = 0", "base_quantity = -1"],
    "ck_invoice_lines_billing_period_runs_forward": PERIODS,
    "ck_invoice_lines_credited_within_line": [
        "credited_quantity = quantity + 1", "credited_quantity = -1", "credited_amount = -1",
        "credited_amount = net + shared_amount + 1", "shared_amount = -net, credited_amount = 1",
    ],
    "ck_invoice_lines_net_adds_up": ["net = net + 1", "amount = amount - 1", "allowance_total = allowance_total + 1"],
    "ck_invoice_lines_position_range": ["position = 0", "position = 1001"],
    "ck_invoice_lines_prices_agree": [
        "gross_price = unit_price", "price_discount = 1", "gross_price = unit_price + 2, price_discount = 1",
        "unit_price = -1, gross_price = 0, price_discount = 1", "unit_price = 2, gross_price = 1, price_discount = -1",
    ],
    "ck_invoice_lines_shared_amount_in_range": too_far("shared_amount"),
    "ck_invoice_tax_groups_amounts_in_range": too_far("taxable_amount", "tax_amount", "tax_amount_in_tax_currency"),
    "ck_invoice_tax_groups_category_known": ["category = 'X'"],
    "ck_invoice_tax_groups_no_tax_without_rate": [
        "rate = 0, tax_amount = 1", "rate = NULL, category = 'O', tax_amount = 1"
    ],
    "ck_invoice_tax_groups_only_out_of_scope_has_no_rate": ["category = 'O'", "category = 'E', rate = NULL"],
    "ck_invoice_tax_groups_position_not_negative": ["position = -1"],
    "ck_invoice_tax_groups_rate_fits_category": RATES,
    "ck_invoices_amount_due_not_negative": ["amount_paid = payable_amount + 1", "amount_credited = payable_amount + 1"],
    "ck_invoices_amounts_in_range": too_far(*AMOUNTS),
    "ck_invoices_billing_period_runs_forward": PERIODS,
    "ck_invoices_cash_rounding_increment_positive": ["cash_rounding_increment = 0", "cash_rounding_increment = -5"],
    "ck_invoices_currency_form": ["currency = 'eur'", "currency = 'EU'", "currency = 'EURO'"],
    "ck_invoices_draft_is_not_settled": [
        "status = 'draft', paid_at = now()", "status = 'draft', voided_at = now()",
        "status = 'draft', marked_uncollectible_at = now()", "status = 'draft', amount_paid = 1",
        "status = 'draft', amount_credited = 1", "status = 'draft', reopened_at = now()",
        "status = 'draft', marked_collectible_at = now()",
    ],
    "ck_invoices_draft_stays_inside": ["status = 'draft', sent_at = now()", "status = 'draft', revised_by_id = id"],
    "ck_invoices_due_after_issue": ["due_date = issue_date - 1"],
    "ck_invoices_due_as_terms_say": [
        "due_date = issue_date + net_terms_days + 1", "net_terms_days = net_terms_days + 1"
    ],
    "ck_invoices_exchange_rate_complete": [
        "exchange_rate_date = '2026-01-01'", "exchange_rate = 1", "exchange_rate_source = 'ECB'",
    ],
    "ck_invoices_exchange_rate_positive": ["exchange_rate = 0", "exchange_rate = -1"],
    "ck_invoices_issued_is_complete": [
        "issue_date = NULL", "seller = NULL", "buyer = NULL", "due_date = NULL",
        "supply_date = NULL, billing_period_start = NULL",
    ],
    "ck_invoices_net_terms_days_range": ["net_terms_days = -1", "net_terms_days = 3651"],
    "ck_invoices_never_credited_twice": [
        "total_credited = -1", "total_credited = total + rounding_amount + 1", "status = 'void', total_credited = 1",
    ],
    "ck_invoices_imported_whole": [
        "imported_at = now()", "opening_date = '2999-01-01'", "imported_at = now(), opening_date = '1999-01-01'",
    ],
    "ck_invoices_settled_before_import": [
        "amount_settled_before = 1", "amount_settled_before = -1",
        "imported_at = now(), opening_date = '2999-01-01', amount_settled_before = payable_amount + 1",
        "imported_at = now(), opening_date = '2999-01-01', amount_settled_before = 1, amount_paid = 0",
    ],
    "ck_invoices_numbered_when_issued": [
        "number = NULL", "number_key = NULL", "series_id = NULL", "number_period = NULL", "sequence_value = NULL",
        "finalized_at = NULL", "status = 'draft'",
    ],
    "ck_invoices_paid_owes_nothing": ["status = 'paid', amount_paid = payable_amount - 1"],
    "ck_invoices_sequence_value_positive": ["sequence_value = 0", "sequence_value = -1"],
    "ck_invoices_settled_not_negative": ["amount_paid = -1", "amount_credited = -1"],
    "ck_invoices_status_has_its_moment": ["status = 'paid'", "status = 'void'", "status = 'uncollectible'"],
    "ck_invoices_status_known": ["status = 'finalized'", "status = 'Open'"],
    "ck_invoices_sums_add_up": ["tax_total = tax_total + 1", "payable_amount = payable_amount - 1"],
    "ck_invoices_tax_currency_form": ["tax_currency = 'usd'", "tax_currency = ''", "tax_currency = currency"],
    "ck_invoices_tax_in_tax_currency": [
        "tax_total_in_tax_currency = 1", "tax_currency = 'USD', exchange_rate = 1", "tax_currency = 'USD'",
    ],
    "ck_invoices_type_code_known": ["type_code = '381'", "type_code = ''"],
    "ck_invoices_version_positive": VERSIONS,
    "ck_invoices_void_has_its_reason": ["voided_at = now()", "void_reason = 'none'"],
    "ck_invoices_void_is_not_settled": ["status = 'void', amount_paid = 1", "status = 'void', amount_credited = 1"],
    "ck_ledger_entries_currency_form": ["currency = 'eur'", "currency = ''"],
    "ck_ledger_entries_type_known": ["type = 'correction'"],
    "ck_ledger_postings_account_has_its_detail": [
        "invoice_id = NULL, source_id = NULL", "method = NULL, account = 'cash'",
        "method = 'cash', account = 'revenue'", "tax_category = 'S', account = 'revenue'", "account = 'tax_payable'",
    ],
    "ck_ledger_postings_account_known": ["account = 'suspense'"],
    "ck_ledger_postings_amount_not_zero": ["amount = 0"],
    "ck_login_attempts_all_in_row": ["in_row = 0", "in_row = cardinality(failed_at) - 1"],
    "ck_login_attempts_last_ten": ["failed_at = '{}'", "failed_at = array_fill(now(), ARRAY[11])"],
    "ck_mail_quotas_last_hundred": ["taken_at = '{}'", "taken_at = array_fill(now(), ARRAY[101])"],
    "ck_mail_quotas_subject_is_fingerprint": ["subject = 'ada@example.com'", "subject = ''"],
    "ck_login_attempts_subject_is_fingerprint": ["subject = 'ada@example.com'", "subject = ''"],
    "ck_number_counters_first_value_range": ["first_value = 0", "first_value = last_value + 1"],
    "ck_number_counters_last_value_not_negative": ["last_value = -1"],
    "ck_number_series_document_type_known": ["document_type = 'receipt'"],
    "ck_number_series_reset_known": ["reset = 'monthly'"],
    "ck_number_series_start_value_positive": ["start_value = 0"],
    "ck_number_series_upcoming_complete": [
        "upcoming_pattern = 'X{####}'", "upcoming_reset = 'never'", "upcoming_from = '2027-01-01'",
    ],
    "ck_number_series_upcoming_reset_known": ["upcoming_reset = 'monthly'"],
    "ck_number_series_version_positive": VERSIONS,
    "ck_organizations_cancellation_mode_known": ["cancellation_mode = 'delete'"],
    "ck_organizations_country_form": ["country = 'de'", "country = 'DEU'", "country = ''"],
    "ck_organizations_default_currency_form": ["default_currency = 'eur'", "default_currency = ''"],
    "ck_organizations_net_terms_days_range": ["net_terms_days = -1", "net_terms_days = 3651"],
    "ck_mails_attempts_not_negative": ["attempts = -1"],
    "ck_mails_blank_at_end": ["sent_at = now()", "abandoned_at = now()", "letter = NULL"],
    "ck_mails_one_end": ["letter = NULL, sent_at = now(), abandoned_at = now()"],
    "ck_organizations_tax_currency_form": ["tax_currency = 'usd'", "tax_currency = ''"],
    "ck_organizations_version_positive": VERSIONS,
    "ck_payments_method_known": ["method = 'barter'"],
    "ck_payments_reversal_has_its_reason": ["reversed_at = now()", "reversal_reason = 'none'"],
    "ck_refunds_amount_positive": ["amount = 0", "amount = -1"],
    "ck_refunds_currency_form": ["currency = 'eur'"],
    "ck_refunds_method_known": ["method = 'barter'"],
    "ck_refunds_source_type_known": ["source_type = 'gift'"],
    "ck_second_factors_enrolled_whole": [
        "secret = NULL", "enrolled_at = NULL", "last_step = NULL", "secret = NULL, last_step = NULL",
    ],
    "ck_second_factors_has_secret": ["secret = NULL, pending_secret = NULL, enrolled_at = NULL, last_step = NULL"],
    "ck_sessions_carrier_known": ["carrier = 'pigeon'"],
    "ck_sessions_end_has_reason": ["ended_at = now(), end_reason = NULL", "ended_at = NULL, end_reason = 'logout'"],
    "ck_sources_amount_range": ["amount = -1", "amount = 1000000000000001"],
    "ck_sources_currency_form": ["currency = 'eur'"],
    "ck_sources_never_used_twice": [
        "amount_available = amount_available + 1", "amount_allocated = amount + 1, amount_available = -1",
        "amount_refunded = amount_refunded + 1",
    ],
    "ck_sources_type_known": ["type = 'gift'"],
    "ck_sources_uses_not_negative": ["amount_allocated = -1", "amount_refunded = -1", "amount_reversed = -1"],
    "ck_sources_version_positive": VERSIONS,
    "ck_invoice_lines_tax_from_product_needs_one": ["tax_from_product = true, product_id = NULL"],
    "ck_products_base_quantity_positive": ["base_quantity = 0", "base_quantity = -1"],
    "ck_products_currency_form": ["currency = 'eur'", "currency = ''"],
    "ck_products_only_out_of_scope_has_no_rate": [
        "tax_category = 'O', tax_rate = 0", "tax_category = 'E', tax_rate = NULL"
    ],
    "ck_products_rate_fits_category": [f"tax_{case}".replace(", category", ", tax_category") for case in RATES],
    "ck_products_tax_category_known": ["tax_category = 'X'", "tax_category = 's'"],
    "ck_products_tax_rate_has_category": ["tax_category = NULL, tax_rate = 19"],
    "ck_products_taxed_in_one_way": [
        "tax_category = 'S', tax_rate_id = (SELECT id FROM tax_rates t "
        "WHERE t.organization_id = products.organization_id LIMIT 1)"
    ],
    "ck_products_version_positive": VERSIONS,
    "ck_tax_rates_category_known": ["category = 'X'", "category = ''"],
    "ck_tax_rates_only_out_of_scope_has_no_rate": ["category = 'O'", "category = 'E', rate = NULL"],
    "ck_tax_rates_rate_fits_category": RATES,
    "ck_tax_rates_version_positive": VERSIONS,
    "ck_users_role_known": ["role = 'root'", "role = ''"],
    "ck_users_status_known": ["status = 'deleted'"],
    "ck_users_version_positive": VERSIONS,
}  # fmt: skip
"""What breaks a CHECK, by its name: what is set in the rows of a tenant who owns one of everything."""
