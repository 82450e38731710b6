"""`/v1/number-series`: how documents are numbered, and the proof that they are numbered well."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from billing_api.numbering import audit as auditing
from billing_api.numbering import queries, scheduling
from billing_api.numbering.models import NumberSeries
from billing_api.numbering.schemas import (
    NumberAuditOutput,
    NumberSeriesFilter,
    NumberSeriesInput,
    NumberSeriesOutput,
)
from billing_api.web.api import Blueprint
from billing_api.web.auth import requires
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import expected_version

blueprint = Blueprint(
    "number_series", __name__, url_prefix="/v1/number-series", description="How documents are numbered, and the audit."
)

SORT_KEYS = {"document_type": SortKey(NumberSeries.document_type, str)}


@blueprint.route("")
@requires("number_series:read")
@blueprint.arguments(NumberSeriesFilter(), location="query")
@blueprint.response(200, page_of(NumberSeriesOutput(), "NumberSeriesPage"))
def search(filters: dict[str, Any]) -> dict[str, Any]:
    """List number series

    There is one for each type of document.
    """
    page = paginate(queries.search, filters, SORT_KEYS)
    return {**page, "data": queries.shown(page["data"])}


@blueprint.route("/<uuid:series_id>")
@requires("number_series:read")
@blueprint.response(200, NumberSeriesOutput())
def read(series_id: uuid.UUID) -> queries.Shown:
    """Read a number series

    With the number that would be next today; it is given when a document is issued, and promised to none before.
    """
    return queries.read(series_id)


@blueprint.route("/<uuid:series_id>", methods=["PATCH"])
@requires("number_series:write")
@blueprint.edits(NumberSeriesInput())
@blueprint.response(200, NumberSeriesOutput())
def update(change: Callable[[Mapping[str, Any]], dict[str, Any]], series_id: uuid.UUID) -> queries.Shown:
    """Change a number series

    Once it has given numbers, another `pattern` or `reset` holds from the next year on, and stands as `upcoming` until
    then; send the present ones to take that back. In a series that never starts anew, and stays so, another pattern
    holds at once and the count goes on; so it does where the next number is taken or too long. `start_value` can be set
    before the first number, `next_value` before the first of a period.
    """
    return scheduling.edit(series_id, change, expected_version())


@blueprint.route("/<uuid:series_id>/audit")
@requires("number_series:read")
@blueprint.response(200, NumberAuditOutput())
def audit(series_id: uuid.UUID) -> dict[str, Any]:
    """Audit a number series

    Whether its numbers are complete and in the order of time, and which were voided; values below the first number that
    was given here are no gaps, but may have been given elsewhere. Lists hold the first thousand; counts say how many.
    """
    return auditing.audit(series_id)
