"""`/v1/ledger/entries`."""

import datetime as dt
from typing import Any

from billing_api.ledger import service
from billing_api.ledger.models import LedgerEntry
from billing_api.ledger.schemas import EntryFilter, EntryOutput
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate

blueprint = Blueprint(
    "ledger", __name__, url_prefix="/v1/ledger", description="The books: double entries that are only ever added to."
)

SORT_KEYS = {
    "created_at": SortKey(LedgerEntry.created_at, dt.datetime.fromisoformat),
    "entry_date": SortKey(LedgerEntry.entry_date, dt.date.fromisoformat),
}


@blueprint.route("/entries")
@requires("reports:read")
@blueprint.arguments(EntryFilter(), location="query")
@blueprint.response(200, page_of(EntryOutput(), "LedgerEntryPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List the entries of the ledger

    With `object_id`, those of one invoice, payment, refund or credit note. As CSV, each posting has a row.
    """
    return paginate(service.search, filters, SORT_KEYS)
