"""`/v1/audit-log`: who did what, and from where."""

import datetime as dt
import uuid
from typing import Any

from billing_api.audit_log import service
from billing_api.audit_log.models import AuditEntry
from billing_api.audit_log.schemas import AuditEntryOutput, AuditFilter
from billing_api.web import csv
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate

blueprint = Blueprint(
    "audit_log",
    __name__,
    url_prefix="/v1/audit-log",
    description="Who came in, was refused, changed what may be done, or took data out; nothing in it is ever changed.",
)

SORT_KEYS = {"created_at": SortKey(AuditEntry.created_at, dt.datetime.fromisoformat)}


@csv.on_export
def note_export(export: csv.Export) -> None:
    """What leaves as a table is noted: which list or report, and by which parameters, whose values may be personal."""
    service.note("export.made", path=export.path, ids=export.ids, parameters=export.parameters, items=export.items)


@blueprint.route("")
@requires("audit_log:read")
@blueprint.arguments(AuditFilter(), location="query")
@blueprint.response(200, page_of(AuditEntryOutput(), "AuditEntryPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List the audit log

    The newest first. Each page as CSV, of any list, is noted here too.
    """
    return paginate(service.search, filters, SORT_KEYS)


@blueprint.route("/<uuid:entry_id>")
@requires("audit_log:read")
@blueprint.response(200, AuditEntryOutput())
def read(entry_id: uuid.UUID) -> AuditEntry:
    """Read an entry of the audit log

    Entries never change.
    """
    return service.read(entry_id)
