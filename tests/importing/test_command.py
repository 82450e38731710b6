"""`billing-api import` as it is typed: what it tells, how it ends, and that a kill in the middle does no harm."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from billing_api.import_command import imports
from config import ROOT
from tests.factories import Tenant
from tests.importing.conftest import Run, customers, invoices, jsonl, sheet
from tests.ledger.books import balances
from tests.races import Ledger
from tests.service_processes import COMMAND

COUNT = 10_000 if os.environ.get("STRESS") else 600


def test_a_clean_file_is_told_in_one_line(tenant: Tenant, run: Run, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", customers(3))
    tried = run("customers", path, "--organization", tenant.email, "--dry-run")
    assert (tried.returncode, tried.stdout) == (0, "customers: 3 would be imported, 0 already there, 0 rejected\n")
    first = run("customers", path, "--organization", tenant.email)
    assert (first.returncode, first.stdout) == (0, "customers: 3 imported, 0 already there, 0 rejected\n")
    again = run("customers", path, "--organization", tenant.organization_id)
    assert (again.returncode, again.stdout) == (0, "customers: 0 imported, 3 already there, 0 rejected\n")


def test_rejected_records_are_told_as_json_lines_and_end_it_with_one(tenant: Tenant, run: Run, tmp_path: Path) -> None:
    rows = [{"external_id": "C-1", "name": "A"}, {"external_id": "C-2", "name": "", "phone": "1"}]
    path, rejects = sheet(tmp_path / "c.csv", rows), tmp_path / "rejects.jsonl"
    told = {"line": 3, "key": "C-2", "pointer": "/name", "code": "required", "detail": "This member is required."}
    ended = run("customers", path, "--organization", tenant.email, "--rejects", rejects)
    assert (ended.returncode, ended.stdout) == (1, "customers: 1 imported, 0 already there, 1 rejected\n")
    assert [json.loads(text) for text in rejects.read_text().splitlines()] == [told]
    ended = run("customers", path, "--organization", tenant.email)
    assert json.loads(next(text for text in ended.stderr.splitlines() if text.startswith("{"))) == told


def test_a_call_that_cannot_work_says_why(tenant: Tenant, run: Run, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", customers(1))
    nobody = run("customers", path, "--organization", "nobody@example.com")
    assert (nobody.returncode, nobody.stderr) == (1, "billing-api: No user has this e-mail address.\n")
    unknown = run("customers", path, "--organization", "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e")
    told = "billing-api: There is no organization with the id 019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e."
    assert (unknown.returncode, unknown.stderr.splitlines()[-1]) == (1, told)
    sheet(tmp_path / "i.csv", [{"nummer": "1"}])
    wrong = run("invoices", tmp_path / "i.csv", "--organization", tenant.email)
    assert wrong.returncode == 1
    assert "i.csv: there is no member for the column 'nummer' (is it 'number'?)" in wrong.stderr
    early = run("invoices", path, "--organization", tenant.email, "--opening-date", "2999-01-01")
    assert (early.returncode, early.stdout) == (1, "")
    told = early.stderr.splitlines()[-1]
    assert told.startswith("billing-api: The books cannot open on 2999-01-01: today is ")


def test_no_file_is_lost_to_the_rejected_records(tenant: Tenant, tmp_path: Path) -> None:
    path, other = jsonl(tmp_path / "c.jsonl", [*customers(1), {}]), sheet(tmp_path / "other.csv", customers(1))
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "hard").hardlink_to(path)
    kept = path.read_bytes(), other.read_bytes()

    def ended(name: str) -> tuple[int, str]:
        words = ["customers", str(path), "--organization", tenant.email, "--rejects", str(tmp_path / name)]
        result = tenant.app.test_cli_runner().invoke(imports, words)
        return result.exit_code, result.output.splitlines()[-1]

    for name, code, told in [
        ("c.jsonl", 2, "Error: --rejects names the file that is to be imported."),
        ("link", 2, "Error: --rejects names the file that is to be imported."),
        ("hard", 2, "Error: --rejects names the file that is to be imported."),
        ("other.csv", 2, f"Error: --rejects: {other} is there and holds something else."),
        ("", 2, f"Error: Invalid value for '--rejects': File '{tmp_path}' is a directory."),
        ("none/rejects", 1, f"Error: {tmp_path}/none/rejects: No such file or directory"),
    ]:
        assert ended(name) == (code, told)
        assert (path.read_bytes(), other.read_bytes()) == kept
    assert tenant.get("/v1/customers").json["data"] == []
    (tmp_path / "rejects").touch()
    for counts in ("1 imported, 0 already there", "0 imported, 1 already there"):
        assert ended("rejects") == (1, f"customers: {counts}, 1 rejected")
        assert len((tmp_path / "rejects").read_text().splitlines()) == 2


def kill_half_way(settings: dict[str, str], words: list[str], is_half_way: Callable[[], bool]) -> None:
    with subprocess.Popen(
        [*COMMAND, "import", *words], env=settings, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not is_half_way():
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it was done before it could be killed"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_import_that_was_killed_is_run_again_and_nothing_comes_twice(
    tenant: Tenant, ledger: Ledger, run: Run, settings: dict[str, str], tmp_path: Path
) -> None:
    def rows(table: str) -> int:
        query = f"SELECT count(*) FROM {table} WHERE organization_id = %s"  # noqa: S608 - one of two names
        return int(ledger.rows(query)[0][0])

    files = {
        "customers": jsonl(tmp_path / "customers.jsonl", customers(COUNT)),
        "invoices": jsonl(tmp_path / "invoices.jsonl", invoices(COUNT, 50)),
    }
    for what, path in files.items():
        words = [what, str(path), "--organization", tenant.email]
        kill_half_way(settings, words, lambda what=what: rows(what) >= COUNT // 3)  # type: ignore[misc]  # its default
        kept = rows(what)
        assert 0 < kept < COUNT
        ended = run(*words)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == f"{what}: {COUNT - kept:,} imported, {kept:,} already there, 0 rejected\n"
        assert rows(what) == COUNT
    owed = COUNT // 3 * 426 if COUNT % 3 == 0 else None
    events = ledger.rows("SELECT sequence FROM events WHERE organization_id = %s ORDER BY 1")
    assert [row[0] for row in events] == list(range(1, len(events) + 1))
    numbers = ledger.rows("SELECT count(DISTINCT number_key) FROM document_numbers WHERE organization_id = %s")
    assert numbers == [(COUNT,)]
    if owed is not None and COUNT <= 1000:
        found = balances(tenant)
        assert {name: str(amount) for name, amount in found.items()} == {
            "accounts_receivable": f"{owed}.00", "opening_balance": f"-{owed}.00",
        }  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_memory_of_an_import_does_not_grow_with_its_file(
    tenant: Tenant, settings: dict[str, str], tmp_path: Path
) -> None:
    """Plant the flaw by reading the whole file at once."""
    peaks = []
    for count in (COUNT, 4 * COUNT):
        rows = [{**row, "external_id": f"{count}-{n}", "email": None} for n, row in enumerate(customers(count))]
        path = jsonl(tmp_path / f"{count}.jsonl", rows)
        call = [*COMMAND, "import", "customers", str(path), "--organization", tenant.email]
        process = subprocess.Popen(call, env=settings, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] * 1.1
