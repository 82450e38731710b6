"""`billing-api check`, as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_api.checking import MOST_SHOWN, search, stated
from billing_api.embedded import Addresses
from tests.commands import Ended, typed
from tests.schema import connected
from tests.service_processes import environment, free_port

Check = Callable[..., Ended]
COUNT = len(stated()) + 1


@pytest.fixture
def check(lived: Addresses, tmp_path: Path) -> Check:
    def check(*words: str, as_owner: bool = True) -> Ended:
        urls = {"DATABASE_URL": lived.service} | ({"MIGRATION_DATABASE_URL": lived.owner} if as_owner else {})
        return typed("check", *words, env=environment(tmp_path, free_port(), **urls))

    return check


def spoil(lived: Addresses, statement: str) -> None:
    with connected(lived.superuser) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)


def test_where_all_holds_it_says_so(check: Check) -> None:
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"All {COUNT} invariants hold (")
    found = json.loads(check("--json").stdout)
    assert (found["invariants"], found["broken"]) == (COUNT, [])


def test_what_is_broken_has_a_line_with_its_rows(check: Check, lived: Addresses) -> None:
    spoil(lived, "UPDATE event_counters SET last_sequence = last_sequence + 1")
    try:
        done, told = check(), check("--json")
    finally:
        spoil(lived, "UPDATE event_counters SET last_sequence = last_sequence - 1")
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")
    assert done.stdout.startswith("event-gapless: The events of an organization are numbered without a gap")
    assert "Not so for 2: " in done.stdout
    (broken,) = json.loads(told.stdout)["broken"]
    assert (told.returncode, broken["invariant"]["name"], broken["count"]) == (1, "event-gapless", 2)
    assert all(found["id"] in done.stdout for found in broken["findings"])


def test_of_many_rows_the_first_are_shown_and_all_counted(lived: Addresses) -> None:
    with connected(lived.superuser) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("""
            INSERT INTO ledger_entries (organization_id, id, type, entry_date, customer_id, currency, object_type,
                                        object_id, created_at)
            SELECT organization_id, gen_random_uuid(), 'credit_released', entry_date, customer_id, currency,
                   object_type, object_id, created_at
            FROM (SELECT * FROM ledger_entries LIMIT 1) one, generate_series(1, 25)
        """)
        ((breach,), _) = search(cursor)
    assert (breach.invariant.name, breach.count, len(breach.findings)) == ("entry-balances", 25, MOST_SHOWN)
    assert str(breach).endswith("; and 5 more")


def test_a_role_that_does_not_see_all_tenants_is_told_so(check: Check) -> None:
    done = check(as_owner=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not see the rows of all tenants" in done.stderr
