"""What the database holds of invoices that were imported, and of no others."""

import sqlalchemy as sa

_NUMBERED = (
    "num_nulls(finalized_at, number, number_key, series_id) = CASE status WHEN 'draft' THEN 4 ELSE 0 END "
    "AND num_nulls(number_period, sequence_value) IN (CASE status WHEN 'draft' THEN 2 ELSE 0 END, "
    "CASE WHEN status = 'draft' OR imported_at IS NOT NULL THEN 2 ELSE 0 END)"
)
_WHOLE = (
    "(imported_at IS NULL) = (opening_date IS NULL) "
    "AND (imported_at IS NULL OR (status <> 'draft' AND opening_date >= issue_date))"
)
_SETTLED = (
    "amount_settled_before BETWEEN least(payable_amount, 0) AND greatest(payable_amount, 0) "
    "AND (amount_settled_before = 0 OR imported_at IS NOT NULL) "
    "AND (payable_amount < 0 OR amount_paid >= amount_settled_before)"
)


def import_checks() -> tuple[sa.CheckConstraint, ...]:
    """Only an imported number may stand beside its series; an imported invoice is wholly one, and on no other was
    anything settled before: `amount_settled_before` is a part of `amount_paid`, and the books have the rest, from the
    `opening_date` on."""
    return (
        sa.CheckConstraint(_NUMBERED, name="numbered_when_issued"),
        sa.CheckConstraint(_WHOLE, name="imported_whole"),
        sa.CheckConstraint(_SETTLED, name="settled_before_import"),
    )
