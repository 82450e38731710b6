"""Each lock that docs/decisions/0001-locks.md names keeps something right: with it a race ends well, and without it the
same race does not. Likewise the constraints behind what is looked up before it is written."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from tests import credit_note_races as notes
from tests import meetings
from tests import money_races as money
from tests.factories import Tenant
from tests.meddling import AT_A_LOCK, IN_VAIN, lacking, one_within_the_other, rewriting
from tests.meetings import Meeting
from tests.money_races import Race, outcome_of
from tests.races import Ledger
from tests.spoilt import spoil


@dataclass(frozen=True)
class Lock:
    """A lock, in the words of its statement; it is taken by rewriting these to nothing."""

    what: str
    instead: str = ""
    read: str = ""
    """The statement after which the first waits."""


INVOICE = Lock(r" FOR NO KEY UPDATE OF invoices", read=r"FROM invoices\s+WHERE invoices\.id")
INVOICES = Lock(r" FOR NO KEY UPDATE OF invoices", read=r"FROM invoices")
ORGANIZATION_CHANGED = Lock(r"(?s)(FROM organizations.*?) FOR NO KEY UPDATE", r"\1", r"FROM organizations\s+WHERE")
ORGANIZATION_KEPT = Lock(r"(?s)(FROM organizations.*?) FOR SHARE", r"\1", r"FROM organizations\s+WHERE")
PRODUCT_CHANGED = Lock(r" FOR NO KEY UPDATE OF products", read=r"FROM products")
PRODUCTS_KEPT = Lock(r"(?s)(FROM products.*?) FOR KEY SHARE", r"\1", r"FROM products")
RATE_CHANGED = Lock(r" FOR NO KEY UPDATE OF tax_rates", read=r"(?s)EXISTS.*FROM invoice_line")
RATES_KEPT = Lock(r"(?s)(FROM tax_rates.*?) FOR SHARE", r"\1", r"FROM tax_rates")
CUSTOMER_CHANGED = Lock(r" FOR NO KEY UPDATE OF customers", read=r"FROM customers")
CUSTOMER_KEPT = Lock(r"(?s)(FROM customers.*?) FOR KEY SHARE", r"\1", r"FROM customers")
CUSTOMER_FROZEN = Lock(r"(?s)(FROM customers.*?) FOR SHARE", r"\1", r"FROM customers")
SOURCES = Lock(r" FOR NO KEY UPDATE OF sources", read=r"FROM sources")
PAYMENT = Lock(r" FOR NO KEY UPDATE OF payments, sources", read=r"FROM sources JOIN payments")
CREDIT_NOTE = Lock(r" FOR NO KEY UPDATE OF credit_notes, sources", read=r"FROM sources JOIN credit_notes")
INVOICE_AS_SOURCE = Lock(r"(?s)(FROM sources.*?) FOR NO KEY UPDATE(?! OF)", r"\1", r"FROM sources")
SERIES = Lock(r"(?s)(FROM number_series.*?) FOR NO KEY UPDATE", r"\1", r"JOIN number_counters")
PEOPLE = Lock(r"(?s)(FROM users.*?) FOR NO KEY UPDATE OF users", r"\1", r"FROM users\s+WHERE")
RESET = Lock(r"(?s)(FROM users.*?) FOR NO KEY UPDATE", r"\1", r"FROM password_resets\s+WHERE password_resets\.id")
INVITER = Lock(
    r"(?s)(FROM users\s+WHERE users\.organization_id = .{0,40} AND users\.id = .*?) FOR NO KEY.*",
    r"\1",
    r"DELETE FROM invitations",
)
INVITATION = Lock(r" FOR NO KEY UPDATE OF invitations", read=r"FROM invitations\s+WHERE invitations\.id")
SESSION = Lock(r" FOR NO KEY UPDATE OF sessions", read=r"FROM refresh_tokens\s+WHERE refresh_tokens\.organization_id")
KEY = Lock(r"SELECT pg_advisory_xact_lock\(", "SELECT abs(", r"FROM idempotency_keys")
EVENTS = Lock(
    r"(?s)UPDATE event_counters .*?(WHERE .*?)\s+RETURNING .*? AS before",
    r"SELECT last_sequence AS before FROM event_counters \1",
    r"event_counters",
)  # fmt: skip

LOCKS: list[tuple[Lock, Callable[[Tenant], Meeting]]] = [
    (KEY, meetings.create_once),
    (SESSION, meetings.refresh_refresh),
    (PEOPLE, meetings.demote_both),
    (PEOPLE, meetings.remove_both),
    (PEOPLE, meetings.disable_both),
    (INVITER, meetings.invite_disabled),
    (INVITATION, meetings.accept_revoke),
    (INVITATION, meetings.resend_accept),
    (RESET, meetings.reset_reset),
    (INVOICE, meetings.edit_finalize),
    (INVOICE, meetings.duplicate_edit),
    (INVOICE, functools.partial(meetings.of_money, money.void_pay)),
    (INVOICE, functools.partial(meetings.of_money, money.pay_rest_reverse)),
    (INVOICES, functools.partial(meetings.of_money, money.pay_two_crosswise)),
    (ORGANIZATION_CHANGED, meetings.change_organization),
    (ORGANIZATION_KEPT, meetings.pay_close),
    (CUSTOMER_CHANGED, meetings.change_customer),
    (CUSTOMER_KEPT, meetings.draft_delete),
    (CUSTOMER_FROZEN, meetings.finalize_rename),
    (PRODUCT_CHANGED, meetings.change_product),
    (PRODUCTS_KEPT, meetings.take_and_delete_product),
    (RATE_CHANGED, meetings.change_and_take_rate),
    (RATES_KEPT, meetings.take_and_change_rate),
    (SOURCES, functools.partial(meetings.of_money, money.apply_apply)),
    (PAYMENT, functools.partial(meetings.of_money, money.refund_apply)),
    (INVOICE_AS_SOURCE, functools.partial(meetings.of_money, money.refund_invoice_apply)),
    (CREDIT_NOTE, functools.partial(meetings.of_money, notes.refund_note_apply)),
    (INVOICE, functools.partial(meetings.of_money, notes.credit_credit)),
    (SERIES, meetings.finalize_others),
    (EVENTS, meetings.create_others),
]
MORE: list[tuple[Lock, Callable[[Tenant], Meeting]]] = [
    (INVOICE, meetings.delete_finalize),
    (INVOICE, meetings.finalize_finalize),
    *(
        (INVOICE, functools.partial(meetings.of_money, race))
        for race in (
            money.void_void, money.pay_pay, money.pay_part_twice, money.pay_more_twice, money.give_up_pay,
            money.void_give_up, money.expect_again_pay, money.send_void, notes.credit_pay, notes.credit_void,
            notes.revise_revise, notes.revise_pay,
        )
    ),
    *(
        (PAYMENT, functools.partial(meetings.of_money, race))
        for race in (money.reverse_credit_twice, money.refund_refund, money.refund_reverse)
    ),
]  # fmt: skip
"""Other deeds under the same locks."""
EACH = [*LOCKS, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE)]


def named(value: Any) -> str:
    """The name of a race, also of one that was prepared with arguments."""
    if isinstance(value, Lock):
        return next(name.lower() for name, one in globals().items() if one is value)
    return str(value.args[0].__name__ if isinstance(value, functools.partial) and value.args else value.__name__)


def meet(tenant: Tenant, prepare: Callable[[Tenant], Meeting], after: str, patience: float = AT_A_LOCK) -> None:
    """Let the two meet after a statement of the first, and judge them."""
    first, second, judge = prepare(tenant)
    headers = {"Idempotency-Key": "same"} if prepare is meetings.create_once else {}
    judge(*one_within_the_other(tenant, (first, second), after, patience, headers))


@pytest.mark.parametrize(("lock", "prepare"), EACH, ids=named)
def test_a_race_ends_well_by_a_lock_and_not_without_it(
    tenant: Tenant, other: Tenant, ledger: Ledger, lock: Lock, prepare: Callable[[Tenant], Meeting]
) -> None:
    meet(tenant, prepare, lock.read)
    ledger.check_money()
    spoil(other)
    with rewriting(tenant.app, lock.what, lock.instead), pytest.raises(AssertionError):
        meet(other, prepare, lock.read, IN_VAIN)


CONSTRAINTS = [
    ("customers", "uq_customers_organization_id_email_key", {"email": "a@example.com"}),
    ("customers", "uq_customers_organization_id_external_id", {"external_id": "a"}),
]
INSERTED = r"INSERT INTO (customers|invoices) "


@pytest.mark.parametrize(("table", "constraint", "members"), CONSTRAINTS)
def test_a_race_ends_well_by_a_constraint_and_not_without_it(
    tenant: Tenant, other: Tenant, addresses: Addresses, table: str, constraint: str, members: dict[str, str]
) -> None:
    prepare = functools.partial(meetings.create_twice, **members)
    meet(tenant, prepare, INSERTED)
    spoil(other)
    clean = "DELETE FROM customers WHERE organization_id = %s"
    with lacking(addresses.owner, table, constraint, clean, other), pytest.raises(AssertionError):
        meet(other, prepare, INSERTED, IN_VAIN)


def test_a_customer_stays_for_its_draft_by_the_foreign_key(tenant: Tenant, other: Tenant, addresses: Addresses) -> None:
    meet(tenant, meetings.draft_delete, INSERTED)
    spoil(other)
    constraint, clean = "fk_invoices_organization_id_customer_id", "DELETE FROM invoices WHERE organization_id = %s"
    with lacking(addresses.owner, "invoices", constraint, clean, other), pytest.raises(AssertionError):
        meet(other, meetings.draft_delete, INSERTED, IN_VAIN)


@pytest.mark.parametrize(("lock", "race"), [(INVOICE, money.pay_pay), (PAYMENT, money.refund_refund)])
def test_without_lock_and_version_money_would_be_lost(
    app: Flask, tenant: Tenant, ledger: Ledger, lock: Lock, race: Callable[[Tenant], Race]
) -> None:
    """What the version in the WHERE of each UPDATE holds when a lock is forgotten: the second is told to come again."""
    prepared = race(tenant)
    with rewriting(app, lock.what, lock.instead):
        replies = one_within_the_other(tenant, (prepared.first, prepared.second), lock.read, IN_VAIN)
    assert sorted(map(outcome_of, replies)) == ["done", "precondition-failed"]
    ledger.check_money()
    spoil(tenant)
    prepared, version = race(tenant), r" AND (invoices|sources)\.version = %\(\w+\)s"
    with rewriting(app, lock.what, lock.instead), rewriting(app, version, ""):
        one_within_the_other(tenant, (prepared.first, prepared.second), lock.read, IN_VAIN)
    with pytest.raises(AssertionError):
        ledger.check_money()
