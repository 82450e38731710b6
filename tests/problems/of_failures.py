"""Ways to what no client does by itself: others who come at the same moment, a database that is away, a program that is
wrong."""

import datetime as dt
import hashlib
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from sqlalchemy.engine import make_url
from werkzeug.test import TestResponse

from billing_api import clock
from billing_api.postgres_cluster import connect
from billing_api.web import slow_doors
from tests.factories import Tenant, created, login, refresh
from tests.meddling import listening, rewriting
from tests.problems.of_requests import elsewhere
from tests.problems.scene import Scene, Way, issued

CUSTOMERS = "/v1/customers"


def meanwhile(tenant: Tenant, ask: Callable[[], TestResponse], after: str, deed: Callable[[], object]) -> TestResponse:
    """The answer to a request in which somebody else does something each time that it has run such a statement."""
    asking = threading.get_ident()

    with ThreadPoolExecutor(1) as somebody:

        def hold(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if threading.get_ident() == asking and re.search(after, statement):
                somebody.submit(deed).result(20)

        with listening(tenant.app, "after_cursor_execute", hold):
            return ask()


def overtaken(scene: Scene) -> TestResponse:
    """A payment that is applied to one more invoice each time that it was read which ones it settles."""
    tenant, customer = scene.tenant, scene.tenant.customer()["id"]
    body = {"customer_id": customer, "currency": "EUR", "amount": "100.00"}
    payment = created(tenant.post("/v1/payments", body))
    owing = iter([issued(tenant, customer_id=customer)[0] for _ in range(3)])

    def apply() -> None:
        assert tenant.post(f"{next(owing)}/apply-balance", {"amount": "1.00"}).status_code == 200

    path = f"{payment['links']['self']}/reverse"
    first = r"(?s)SELECT DISTINCT allocations.invoice_id|SELECT allocations.invoice_id"
    return meanwhile(tenant, lambda: tenant.post(path, {"reason": "x"}), first, apply)


def in_exchange(scene: Scene) -> TestResponse:
    token = scene.tenant.colleague("viewer").refresh_token
    first = iter([lambda: refresh(scene.client, token)])

    def spend() -> None:
        assert all(twin().status_code == 200 for twin in first)

    return meanwhile(scene.tenant, lambda: refresh(scene.client, token), "FROM refresh_tokens", spend)


def held_key(scene: Scene) -> TestResponse:
    """Another request with this key is not done yet: what it holds, and does not let go, is the lock of the key."""
    owner = (scene.tenant.organization_id, scene.tenant.user_id, "held")
    lock = int.from_bytes(hashlib.sha256(repr(owner).encode()).digest()[:8], signed=True)
    with closing(connect(scene.addresses.owner)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [lock])
        return scene.tenant.post(CUSTOMERS, {"name": "A"}, Idempotency_Key="held")


def held_counter(scene: Scene) -> TestResponse:
    """Somebody else is given numbers, and keeps the counter."""
    customer = scene.tenant.customer()["id"]
    scene.tenant.invoice(customer_id=customer)
    draft = scene.tenant.draft(customer_id=customer)["links"]["self"]
    of_tenant = "SELECT last_value FROM number_counters WHERE organization_id = %s FOR UPDATE"
    with closing(connect(scene.addresses.owner)) as holder, holder.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(of_tenant, [str(scene.tenant.organization_id)])
        return scene.tenant.post(f"{draft}/finalize")


def frozen(scene: Scene) -> TestResponse:
    """A program that forgets the rule, as far as the database."""
    path, _ = issued(scene.tenant)
    with rewriting(scene.app, r"UPDATE invoices SET ", "UPDATE invoices SET notes = 'x', "):
        return scene.tenant.post(f"{path}/mark-sent")


def broken(scene: Scene) -> TestResponse:
    with rewriting(scene.app, r"INSERT INTO customers ", "INSERT INTO nowhere "):
        return scene.tenant.post(CUSTOMERS, {"name": "A"})


def away(scene: Scene) -> TestResponse:
    nowhere = make_url(scene.config.database_url).set(host="127.0.0.1", port=1, query={})
    url = nowhere.render_as_string(hide_password=False)
    return elsewhere(scene, lambda there: there.get("/v1/me"), database_url=url)


def waited_too_long(scene: Scene) -> TestResponse:
    arrived = clock.now() - slow_doors.PATIENCE - dt.timedelta(seconds=1)
    scene.patch.setattr(slow_doors, "arrived_at", lambda _: arrived)
    return login(scene.client, scene.tenant.email)


WAYS: dict[str, Way] = {
    "document-is-frozen": frozen,
    "held-by-another": held_counter,
    "idempotency-key-in-progress": held_key,
    "internal-error": broken,
    "overtaken": overtaken,
    "refresh-token-in-exchange": in_exchange,
    "service-unavailable": away,
    "too-many-waiting": waited_too_long,
}
