"""What the database holds of the life of an invoice: each status with its moments and with what is due."""

import sqlalchemy as sa

from billing_api.domain.lifecycle import STATUSES

_STATUSES = ", ".join(f"'{status}'" for status in STATUSES)
_CONDITIONS = {
    "status_known": f"status IN ({_STATUSES})",
    "issued_is_complete": "status = 'draft' OR (num_nulls(issue_date, due_date, seller, buyer) = 0 "
    "AND num_nonnulls(supply_date, billing_period_start) > 0)",
    "draft_is_not_settled": "status <> 'draft' OR (num_nonnulls(paid_at, voided_at, marked_uncollectible_at, "
    "reopened_at, marked_collectible_at) = 0 AND amount_paid = 0 AND amount_credited = 0)",
    "void_is_not_settled": "status <> 'void' OR (amount_paid = 0 AND amount_credited = 0)",
    "status_has_its_moment": "(status <> 'paid' OR paid_at IS NOT NULL) "
    "AND (status <> 'void' OR voided_at IS NOT NULL) "
    "AND (status <> 'uncollectible' OR marked_uncollectible_at IS NOT NULL)",
    "paid_owes_nothing": "status <> 'paid' OR payable_amount - amount_paid - amount_credited = 0",
    "void_has_its_reason": "(void_reason IS NULL) = (voided_at IS NULL)",
    "draft_stays_inside": "status <> 'draft' OR num_nonnulls(sent_at, revised_by_id) = 0",
    "amount_due_not_negative": "status = 'draft' OR payable_amount - amount_paid - amount_credited >= 0",
    "settled_not_negative": "amount_paid >= least(payable_amount, 0) AND amount_credited >= 0",
}


def life_checks() -> tuple[sa.CheckConstraint, ...]:
    """A draft has come to none of its moments and to no money, an issued invoice is complete and owes nothing below
    zero, and what is paid or void says so in every column."""
    return tuple(sa.CheckConstraint(condition, name=name) for name, condition in _CONDITIONS.items())
