"""What the service sends to the database for each operation, for the handler that sends the same."""

import json
import re
import uuid

from tests.bench.data import World
from tests.bench.load import MARK
from tests.bench.operations import customer, invoice
from tests.bench.script import Script, Scripts, is_alone
from tests.factories import Tenant
from tests.statements import recorded

_FIRST_NUMBER = 10**11
"""Beyond all numbers that were given, and those that the service will give."""

_COUNTED = re.compile(r"((number_counters)[^;]* SET last_value = )%\(\w+\)s", re.DOTALL)


def recordings(world: World) -> Scripts:
    """Of each organization's operations."""
    by_token = {tenant.access_token: _of(tenant) for tenant in world.tenants}
    return Scripts(world.addresses.service, by_token, _FIRST_NUMBER)


def _of(tenant: Tenant) -> dict[str, Script]:
    buyer = tenant.get("/v1/customers?limit=1").json["data"][0]["id"]
    issued = tenant.get("/v1/invoices?limit=1&status=open").json["data"][0]["id"]
    new = json.loads(json.dumps(customer()).replace(MARK, "recorded"))
    return {
        "get customers": _one(tenant, f"/v1/customers/{buyer}", about=buyer),
        "create customers": _one(tenant, "/v1/customers", new),
        "list customers": _one(tenant, "/v1/customers?limit=50"),
        "get invoices": _one(tenant, f"/v1/invoices/{issued}", about=issued),
        "create invoices": _one(tenant, "/v1/invoices", invoice(buyer), about=buyer),
        "list invoices": _one(tenant, "/v1/invoices?limit=50&status=open"),
    }


def _one(tenant: Tenant, path: str, body: object = None, about: str = "") -> Script:
    with recorded(tenant.app) as seen:
        answer = tenant.post(path, body) if body else tenant.get(path)
    assert answer.status_code // 100 == 2, answer.text
    # Whoever keeps nothing reads all at once, and need not look first how it stands.
    read = [(text, given) for text, given in seen if not is_alone(text)] or seen[-1:]
    # A number is counted on from the last one, whoever gave that.
    statements = [(_COUNTED.sub(r"\1\2.last_value + 1", text), dict(given)) for text, given in read]
    return Script(statements, uuid.UUID(about) if about else None)
