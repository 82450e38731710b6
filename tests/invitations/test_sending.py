"""Invitations are not mailed without end: so many a day, and so many to one e-mail address."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import time_machine
from werkzeug.test import TestResponse

from billing_api import clock
from billing_api.database import enter, transaction
from billing_api.embedded import Addresses
from billing_api.invitations import sending
from billing_api.reaping import reap
from tests.factories import Tenant, created, letters
from tests.schema import connected

PATH = "/v1/invitations"


def invite(tenant: Tenant, email: str) -> TestResponse:
    return tenant.post(PATH, {"email": email, "role": "viewer"})


def waits(answer: TestResponse) -> int:
    assert (answer.status_code, answer.json["code"]) == (429, "too-many-invitations"), answer.text
    return int(answer.headers["Retry-After"])


def mailed_before(tenant: Tenant, count: int) -> None:
    """So many invitations were mailed already, each to somebody else."""
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        for number in range(count):
            sending._count(f"guest{number}-{tenant.email}")


def test_three_an_hour_go_to_one_address_however_it_is_asked_for(tenant: Tenant) -> None:
    email = f"guest-{tenant.email}"
    path = created(invite(tenant, email))["links"]["self"]
    assert tenant.post(f"{path}/resend").status_code == 200
    assert tenant.delete(path).status_code == 204
    path = created(invite(tenant, email.upper()))["links"]["self"]
    before, posted = tenant.get(path).json, len(letters(tenant, email))
    assert 3590 < waits(tenant.post(f"{path}/resend")) <= 3600
    assert (tenant.get(path).json, len(letters(tenant, email))) == (before, posted)
    assert tenant.delete(path).status_code == 204
    waits(invite(tenant, email))
    assert tenant.get(PATH).json["data"] == []
    assert invite(tenant, f"another-{tenant.email}").status_code == 201
    with time_machine.travel(clock.now() + dt.timedelta(hours=1), tick=True):
        colleague = tenant.colleague("owner")
        assert invite(colleague, email).status_code == 201


def test_a_hundred_a_day_leave_an_organization(tenant: Tenant, other: Tenant) -> None:
    mailed_before(tenant, 99)
    assert invite(tenant, f"one-{tenant.email}").status_code == 201
    assert 86_000 < waits(invite(tenant, f"two-{tenant.email}")) <= 86_400
    assert invite(other, f"one-{other.email}").status_code == 201, "others are not held up"
    with time_machine.travel(clock.now() + dt.timedelta(days=1), tick=True):
        assert invite(tenant.colleague("owner"), f"two-{tenant.email}").status_code == 201


def test_without_the_rule_mails_would_go_out_without_end(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    mailed_before(tenant, 100)
    waits(invite(tenant, f"one-{tenant.email}"))
    monkeypatch.setattr(sending, "_count", lambda email: None)
    assert invite(tenant, f"one-{tenant.email}").status_code == 201


def test_three_an_hour_go_to_one_address_whoever_sends_them(tenant: Tenant, other: Tenant) -> None:
    email = f"guest-{tenant.email}"
    for sender in (tenant, other, tenant.colleague("owner")):
        path = created(invite(sender, email))["links"]["self"]
        assert sender.delete(path).status_code == 204
    waits(invite(other, email))
    assert invite(other, f"another-{tenant.email}").status_code == 201


def test_of_many_at_once_not_one_goes_uncounted(tenant: Tenant) -> None:
    mailed_before(tenant, 95)
    start = Barrier(8)

    def one(number: int) -> int:
        start.wait()
        return invite(tenant, f"guest-{number}-{tenant.email}").status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == [201] * 5 + [429] * 3


def test_what_is_over_is_reaped(tenant: Tenant, addresses: Addresses) -> None:
    invite(tenant, f"guest-{tenant.email}")
    with connected(addresses.owner) as cursor:
        cursor.execute("UPDATE mail_quotas SET taken_at = array_fill(now() - interval '25 hours', ARRAY[1])")
        with tenant.app.app_context():
            assert reap()["mail_quotas"] >= 2
        cursor.execute("SELECT count(*) FROM mail_quotas")
        assert cursor.fetchone() == (0,)
