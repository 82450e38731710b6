"""`/v1/customers/{id}/balance`, `/v1/customers/{id}/statement`, `/v1/reports`."""

import uuid
from typing import Any

from billing_api.reports import service, statements, taxation
from billing_api.reports.schemas import (
    CurrencyQuery,
    CustomerBalanceOutput,
    StatementOutput,
    StatementQuery,
    TaxQuery,
    TaxSummaryOutput,
    TrialBalanceOutput,
    TrialBalanceQuery,
)
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires

blueprint = Blueprint(
    "reports", __name__, url_prefix="/v1", description="What is owed, what was moved, and the proof that it adds up."
)


@blueprint.route("/customers/<uuid:customer_id>/balance")
@requires("customers:read")
@blueprint.arguments(CurrencyQuery(), location="query")
@blueprint.response(200, CustomerBalanceOutput())
def balance(query: dict[str, Any], customer_id: uuid.UUID) -> dict[str, Any]:
    """Read what a customer owes

    And what they have to their credit, for each currency in which there is anything; what was given up stands apart.
    """
    return {"customer_id": customer_id, "balances": service.balances(customer_id, query.get("currency"))}


@blueprint.route("/customers/<uuid:customer_id>/statement")
@requires("customers:read")
@blueprint.arguments(StatementQuery(), location="query")
@blueprint.response(200, StatementOutput())
def statement(query: dict[str, Any], customer_id: uuid.UUID) -> dict[str, Any]:
    """Read the statement of a customer

    Every movement between two days with the balance after it, at most 10,000. `reconciliation` adds the movements up,
    and holds the closing balance against the documents: its `difference` is 0 unless the books and they disagree.
    """
    return statements.read(customer_id, query.get("start"), query.get("end"), query.get("currency"))


@blueprint.route("/reports/trial-balance")
@requires("reports:read")
@blueprint.arguments(TrialBalanceQuery(), location="query")
@blueprint.response(200, TrialBalanceOutput())
def trial_balance(query: dict[str, Any]) -> dict[str, Any]:
    """Read the trial balance

    What each account was debited and credited with up to a day. The totals of a currency are equal.
    """
    return service.trial_balance(query.get("as_of"), query.get("currency"))


@blueprint.route("/reports/tax-summary")
@requires("reports:read")
@blueprint.arguments(TaxQuery(), location="query")
@blueprint.response(200, TaxSummaryOutput())
def tax_summary(query: dict[str, Any]) -> dict[str, Any]:
    """Read the tax of a period

    For each tax the documents that bear it, at most 10,000, what was taken back below zero. `tax_payable` is what the
    books moved in the same days; `difference` is 0 unless they and the documents disagree.
    """
    return taxation.summary(query.get("start"), query.get("end"), query.get("currency"))
