"""The register of numbers: each once, in its place, for ever."""

import uuid
from typing import Any

import psycopg2
import pytest
from flask import Flask

from billing_api.embedded import Addresses
from billing_api.errors import Invalid
from billing_api.numbering.register import NumberTaken
from billing_api.numbering.service import SeriesInUse
from tests.factories import Tenant
from tests.numbering.register import adopt, change, series, take, void
from tests.races import Ledger
from tests.schema import connected
from tests.web.refusals import refused

ROWS = (
    "SELECT number, number_key, period, sequence_value, issue_date::text, document_type, is_imported "
    "FROM document_numbers WHERE organization_id = %s ORDER BY document_type, number_key"
)


@pytest.fixture
def ledger(addresses: Addresses, tenant: Tenant) -> Ledger:
    return Ledger(addresses.owner, tenant)


def test_every_number_that_is_given_stands_in_the_register_with_its_document(tenant: Tenant, ledger: Ledger) -> None:
    issued = [tenant.invoice(issue_date=day) for day in ("2025-12-31", "2026-01-01", "2026-01-01")]
    take(tenant, "credit_note", "2026-01-02")
    tenant.draft()
    assert ledger.rows(ROWS) == [
        ("CN-2026-0001", "cn-2026-0001", "2026", 1, "2026-01-02", "credit_note", False),
        ("INV-2025-0001", "inv-2025-0001", "2025", 1, "2025-12-31", "invoice", False),
        ("INV-2026-0001", "inv-2026-0001", "2026", 1, "2026-01-01", "invoice", False),
        ("INV-2026-0002", "inv-2026-0002", "2026", 2, "2026-01-01", "invoice", False),
    ]
    owners = ledger.rows("SELECT number, document_id::text FROM document_numbers WHERE organization_id = %s")
    assert {(one["number"], one["id"]) for one in issued} <= {*owners}


def test_what_is_undone_leaves_nothing_in_the_register(tenant: Tenant, ledger: Ledger) -> None:
    draft = tenant.draft()
    assert tenant.post(f"/v1/invoices/{draft['id']}/finalize?dry_run=true").status_code == 200
    tenant.patch("/v1/organization", {"books_locked_until": "2026-03-05"})
    body = {"issue_date": "2026-03-01"}
    refused(tenant.post(f"/v1/invoices/{draft['id']}/finalize", body), 409, "period-locked")
    assert ledger.rows(ROWS) == []
    assert series(tenant)["next_value"] == 1


def test_a_document_has_one_number(tenant: Tenant) -> None:
    id = uuid.uuid4()
    take(tenant, "invoice", id=id)
    with pytest.raises(Exception, match="uq_document_numbers_organization_id_document_id"):
        take(tenant, "credit_note", id=id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE document_numbers SET number = 'X' WHERE organization_id = %s",
        "UPDATE document_numbers SET document_id = gen_random_uuid() WHERE organization_id = %s",
        "UPDATE document_numbers SET issue_date = issue_date - 1 WHERE organization_id = %s",
        "UPDATE document_numbers SET is_imported = true WHERE organization_id = %s",
        "DELETE FROM document_numbers WHERE organization_id = %s",
    ],
)
def test_nobody_changes_or_deletes_what_stands_in_the_register(
    tenant: Tenant, addresses: Addresses, statement: str
) -> None:
    tenant.invoice()
    with connected(addresses.owner) as owner:
        with pytest.raises(psycopg2.Error, match="append-only"):
            owner.execute(statement, [str(tenant.organization_id)])
        # Without the triggers it would pass.
        owner.execute("BEGIN")
        owner.execute("ALTER TABLE document_numbers DISABLE TRIGGER USER")
        owner.execute(statement, [str(tenant.organization_id)])
        assert owner.rowcount == 1
        owner.execute("ROLLBACK")
    with connected(addresses.service) as service, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        service.execute(statement, [str(tenant.organization_id)])


def test_a_number_is_voided_once_and_stays_taken(tenant: Tenant, ledger: Ledger) -> None:
    id = uuid.uuid4()
    number = take(tenant, id=id).text
    void(tenant, id)
    voided = "SELECT number, voided_at IS NOT NULL FROM document_numbers WHERE organization_id = %s"
    assert ledger.rows(voided) == [(number, True)]
    for gone in (id, uuid.uuid4()):
        with pytest.raises(LookupError):
            void(tenant, gone)
    with pytest.raises(NumberTaken):
        adopt(tenant, number, "2026-01-01")
    with pytest.raises(psycopg2.Error, match="append-only"):
        ledger.rows("UPDATE document_numbers SET voided_at = NULL WHERE organization_id = %s RETURNING 1")


def test_a_number_of_another_organization_is_not_voided(tenant: Tenant, other: Tenant) -> None:
    id = uuid.uuid4()
    take(other, id=id)
    with pytest.raises(LookupError):
        void(tenant, id)


# Numbers from elsewhere.


def test_an_imported_number_that_fits_moves_the_counter_behind_it(tenant: Tenant) -> None:
    found = [adopt(tenant, f"INV-2026-00{n}", "2026-02-01") for n in (41, 17, 42)]
    assert [(one.period, one.value) for one in found] == [("2026", 41), ("2026", 17), ("2026", 42)]
    assert series(tenant)["next_value"] == 43
    assert tenant.invoice(issue_date="2026-02-01")["number"] == "INV-2026-0043"
    assert tenant.invoice(issue_date="2026-02-01")["number"] == "INV-2026-0044"


def test_an_imported_number_is_kept_as_it_is_whatever_it_looks_like(tenant: Tenant, ledger: Ledger) -> None:
    strange = ["№ 7/Ω — Straße", "x" * 64, " 1 ", "INV-2026-01", "INV-2025-0001", "inv-2026-0009"]
    for number in strange:
        adopt(tenant, number, "2026-02-01")
    kept = ledger.rows("SELECT number, sequence_value FROM document_numbers WHERE organization_id = %s")
    assert sorted(kept) == sorted((number, 9 if number == "inv-2026-0009" else None) for number in strange)
    assert series(tenant)["next_value"] == 10


@pytest.mark.parametrize("number", ["", "   ", "x" * 65])
def test_an_imported_number_has_1_to_64_characters(tenant: Tenant, number: str) -> None:
    with pytest.raises(Invalid) as refusal:
        adopt(tenant, number, "2999-01-01")
    found = {(fault.pointer, fault.code) for fault in refusal.value.faults}
    assert found == {("/number", "wrong-length"), ("/issue_date", "issue-date-in-future")}


def test_capitals_do_not_make_another_number_nor_does_another_type(tenant: Tenant, other: Tenant) -> None:
    adopt(tenant, "Straße-1", "2026-02-01")
    for number, document_type in (("STRASSE-1", "invoice"), ("strasse-1", "credit_note")):
        with pytest.raises(NumberTaken) as refusal:
            adopt(tenant, number, "2026-02-01", document_type)
        assert refusal.value.members == {"number": number}
    adopt(other, "Straße-1", "2026-02-01")


def test_no_number_is_imported_behind_those_that_were_given_here(tenant: Tenant) -> None:
    change(tenant, start_value=100)
    given = tenant.invoice(issue_date="2026-02-01")["number"]
    for number in ("INV-2026-0101", "INV-2026-5000"):
        with pytest.raises(SeriesInUse) as refusal:
            adopt(tenant, number, "2026-02-01")
        assert refusal.value.members == {"next_value": 101}
    with pytest.raises(NumberTaken):
        adopt(tenant, given, "2026-02-01")
    assert adopt(tenant, "INV-2026-0099", "2026-01-31").value == 99
    assert tenant.invoice(issue_date="2026-02-01")["number"] == "INV-2026-0101"
    # Another year is another count.
    assert adopt(tenant, "INV-2025-5000", "2025-02-01").value == 5000


def test_two_numbers_that_name_one_value_do_not_stand_in_one_place(tenant: Tenant) -> None:
    change(tenant, pattern="{YYYY}{MM}-{##}")
    assert adopt(tenant, "202601-05", "2026-01-05").value == 5
    assert adopt(tenant, "202602-05", "2026-02-05").value is None
    assert series(tenant)["next_value"] == 6


def test_a_number_that_an_import_has_taken_is_refused_until_the_pattern_changes(tenant: Tenant) -> None:
    adopt(tenant, "R-2026-0002", "2026-02-01")
    refused(change(tenant, pattern="R-{YYYY}-{####}", start_value=2), 409, "number-taken")
    assert change(tenant, pattern="R-{YYYY}-{####}").status_code == 200
    tenant.invoice(issue_date="2026-02-01")
    draft = tenant.draft(issue_date="2026-02-01")
    path = f"/v1/invoices/{draft['id']}/finalize"
    assert refused(tenant.post(path), 409, "number-taken")["number"] == "R-2026-0002"
    answer: Any = change(tenant, pattern="S-{YYYY}-{####}")
    assert (answer.json["upcoming"], answer.json["next_value"]) == (None, 2)
    assert tenant.post(path).json["number"] == "S-2026-0002"


def test_an_import_changes_what_the_version_of_a_series_stands_for(tenant: Tenant) -> None:
    before = series(tenant)["version"]
    adopt(tenant, "INV-2026-0041", "2026-02-01")
    assert series(tenant)["version"] > before


def test_register_and_invoices_agree(app: Flask, tenant: Tenant, ledger: Ledger) -> None:
    for _ in range(3):
        tenant.invoice()
    ledger.check()
