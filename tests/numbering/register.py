"""The register as other rooms use it: numbers taken, adopted and voided in transactions of their own."""

import datetime as dt
import uuid
from typing import Any

from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.database import enter, transaction
from billing_api.embedded import Addresses
from billing_api.numbering import register, service
from billing_api.numbering.register import Number
from tests.factories import Tenant
from tests.schema import connected
from tests.spoilt import SPOILT, spoil

ZONE = "Europe/Berlin"


def take(tenant: Tenant, document_type: str = "invoice", on: str | None = None, id: uuid.UUID | None = None) -> Number:
    """The next number, for a document of any kind, which there need not be."""
    spoil(tenant)
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        return service.take(document_type, dt.date.fromisoformat(on) if on else None, ZONE, id or uuid7())


def adopt(tenant: Tenant, number: str, on: str, document_type: str = "invoice") -> Number:
    """A number that a document has had elsewhere; there need not be one."""
    spoil(tenant)
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        return service.adopt(document_type, number, dt.date.fromisoformat(on), ZONE, uuid7())


def void(tenant: Tenant, id: uuid.UUID) -> None:
    """Say that the document of a number was voided."""
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        register.mark_voided(id, clock.now())


def series(tenant: Tenant, document_type: str = "invoice") -> dict[str, Any]:
    """The series of these documents, as the API shows it."""
    (found,) = tenant.get(f"/v1/number-series?document_type={document_type}").json["data"]
    shown: dict[str, Any] = tenant.get(found["links"]["self"]).json
    assert shown == found
    return shown


def change(tenant: Tenant, document_type: str = "invoice", **values: Any) -> Any:
    """The answer to a change of a series."""
    return tenant.patch(series(tenant, document_type)["links"]["self"], values)


def audit(tenant: Tenant, document_type: str = "invoice") -> dict[str, Any]:
    """What the register says about a series."""
    answer = tenant.get(series(tenant, document_type)["links"]["audit"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def tamper(addresses: Addresses, statement: str, *given: Any) -> int:
    """What only somebody with the owner's password can do: change rows past their triggers."""
    SPOILT.update(map(str, given))
    with connected(addresses.owner) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("ALTER TABLE document_numbers DISABLE TRIGGER USER")
        cursor.execute(statement, given)
        count = int(cursor.rowcount)
        cursor.execute("ALTER TABLE document_numbers ENABLE TRIGGER USER")
        cursor.execute("COMMIT")
    return count
