"""What a session inserts at once is what it would have inserted row by row."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from billing_api import connections, inserting
from billing_api.catalog.models import TaxRate
from billing_api.customers.models import Customer
from billing_api.database import announce, ask, db, enter, insert_missing, savepoint, transaction
from billing_api.errors import Conflict, Unavailable
from billing_api.invoices.models import Invoice
from billing_api.invoices.shapes import WHOLE
from billing_api.ledger.models import Source
from billing_api.reading import Shape
from billing_api.statement import Statement
from tests.factories import Tenant, created, sign_up
from tests.statements import recorded

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
"""Whatever a column can hold: quotes, backslashes, percent signs, marks of JSON among them."""
RATES = st.decimals("0.0001", 100, places=4)


def rate(name: str = "Standard", **values: Any) -> TaxRate:
    given: dict[str, Any] = {"components": [], "metadata_": {}, "archived": False, "rate": Decimal(19), **values}
    return TaxRate(name=name, category="S", **given)


def read_back(tenant: Tenant, id: Any) -> TaxRate:
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        return db.session.scalars(sa.select(TaxRate).where(TaxRate.id == id)).one()


@savepoint()
def insert_in_vain(one: TaxRate) -> None:
    db.session.add(one)
    db.session.flush()
    raise ZeroDivisionError


def test_any_value_arrives_as_it_is(app: Flask) -> None:
    tenant = sign_up(app)

    @given(name=TEXTS, value=RATES, reason=st.none() | TEXTS, metadata=st.dictionaries(TEXTS, TEXTS, max_size=3))
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    def run(name: str, value: Decimal, reason: str | None, metadata: dict[str, str]) -> None:
        components = [{"name": name, "rate": str(value)}]
        with app.app_context(), transaction(dry_run=False):
            enter(tenant.organization_id)
            made = rate(name, rate=value, exemption_reason=reason, metadata_=metadata, components=components)
            db.session.add(made)
            db.session.flush()
        found = read_back(tenant, made.id)
        assert (found.name, found.rate, found.exemption_reason) == (name, value, reason)
        assert (found.metadata_, found.components) == (metadata, components)
        assert (found.created_at, found.updated_at, found.version) == (made.created_at, made.updated_at, 1)

    run()


def test_what_was_inserted_is_as_it_is_after_a_flush(tenant: Tenant) -> None:
    """It is the session's own from then on, has all its values, and what is changed of it is sent as a change."""
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        made = rate()
        db.session.add(made)
        db.session.flush()
        assert sa.inspect(made).persistent
        with recorded(tenant.app) as seen:
            assert [made.organization_id, made.version, made.exemption_reason] == [tenant.organization_id, 1, None]
        assert seen == []
        made.name = "Reduced"
    assert (read_back(tenant, made.id).name, read_back(tenant, made.id).version) == ("Reduced", 2)


def test_a_whole_goes_with_its_parts_in_one_message(tenant: Tenant) -> None:
    body = tenant.invoice_body()
    with recorded(tenant.app) as seen:
        draft = tenant.post("/v1/invoices", body).json
    inserts = [text for text, _ in seen if "INSERT INTO invoice" in text]
    # And with what ends the transaction: the numbering of its facts.
    assert [text.count("INSERT INTO") for text in inserts] == [5], inserts
    assert [line["position"] for line in tenant.get(draft["links"]["self"]).json["lines"]] == [1]


def test_a_new_invoice_takes_few_messages(tenant: Tenant) -> None:
    """Guard, seller and buyer with what they have left, and all rows with the end; to issue it also the series with its
    counters, whose lock is held for what remains. The number goes with the rows."""
    body = tenant.invoice_body()
    for members, messages in (({}, 2), ({"finalize": True}, 3)):
        with recorded(tenant.app) as seen:
            created(tenant.post("/v1/invoices", {**body, **members}))
        assert len(seen) == messages, seen


def test_a_new_customer_takes_one_message_and_one_that_is_refused_is_looked_for(tenant: Tenant) -> None:
    """Guard, row, fact and end. What is in the way is looked for after that: it is told whole."""
    body = {"name": "Ada", "email": "ada@example.com", "external_id": "ada"}
    with recorded(tenant.app) as seen:
        created(tenant.post("/v1/customers", body))
    assert len(seen) == 1, seen
    with recorded(tenant.app) as seen:
        answer = tenant.post("/v1/customers", body)
    assert (answer.status_code, {fault["pointer"] for fault in answer.json["errors"]}) == (
        409,
        {"/email", "/external_id"},
    )
    assert len(seen) == 3, seen


def test_what_a_savepoint_undoes_is_gone_and_the_rest_stands(tenant: Tenant) -> None:
    kept, undone = rate("Kept"), rate("Undone")
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        db.session.add(kept)
        db.session.flush()
        with pytest.raises(ZeroDivisionError):
            insert_in_vain(undone)
        kept.name = "Kept and changed"
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        assert db.session.scalars(sa.select(TaxRate.name)).all() == ["Kept and changed"]


PLAIN = Shape(TaxRate)


def plain(name: str = "Standard") -> Any:
    return PLAIN.new(components=[], metadata_={}, archived=False, rate=Decimal(19), name=name, category="S")


def names(tenant: Tenant) -> list[str]:
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        return sorted(db.session.scalars(sa.select(TaxRate.name)))


def test_a_plain_object_has_its_defaults_and_nothing_else(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        made = plain()
        assert (made.organization_id, made.version, made.exemption_reason) == (tenant.organization_id, 1, None)
        assert None not in {made.id, made.created_at}
        PLAIN.add(made)
    stored = read_back(tenant, made.id)
    assert {name: getattr(stored, name) for name in PLAIN.names} == {name: vars(made)[name] for name in PLAIN.names}
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        assert set(vars(PLAIN.blank(name="x")).values()) == {"x", None}


def test_what_waits_goes_with_what_the_session_has_new_and_before_it_is_asked(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        PLAIN.add(plain("Waits"))
        db.session.add(rate("Is the session's"))
        with recorded(tenant.app) as seen:
            assert len(db.session.scalars(sa.select(TaxRate.name)).all()) == 2
        assert [text.count("INSERT INTO tax_rates") for text, _ in seen] == [1, 0]
    assert names(tenant) == ["Is the session's", "Waits"]


def test_what_waits_beside_what_is_the_session_s_own_to_send_goes_after_it(tenant: Tenant) -> None:
    """A payment has rows in two tables. Plant the flaw by not asking again after the session has sent it."""
    customer = tenant.customer()
    with tenant.app.app_context(), transaction(dry_run=True):
        enter(tenant.organization_id)
        values = {"customer_id": uuid.UUID(customer["id"]), "currency": "EUR", "amount": 1, "amount_available": 1}
        db.session.add(Source(id=uuid7(), type="invoice", dated_on=dt.date(2026, 1, 1), **values))
        PLAIN.add(plain())
        with recorded(tenant.app) as seen:
            db.session.flush()
        assert [text.partition("INSERT INTO ")[2].split()[0] for text, _ in seen] == ["sources", "tax_rates"]


@savepoint()
def wait_in_vain() -> None:
    PLAIN.add(plain("In vain"))
    raise ZeroDivisionError


def test_what_waits_is_undone_with_its_savepoint_or_kept_with_its_unit(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        PLAIN.add(plain("Before"))
        with pytest.raises(ZeroDivisionError):
            wait_in_vain()
        PLAIN.add(plain("After"))
    assert names(tenant) == ["After", "Before"]


def test_what_waits_goes_on_waiting_where_its_message_was_not_sent(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plant the flaw by taking it out before."""
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        PLAIN.add(plain("First"))
        with monkeypatch.context() as patch:
            patch.setattr(connections, "_taken", lambda *_: refuse_to_speak())
            with pytest.raises(Unavailable):
                announce()
        PLAIN.add(plain("Second"))
    assert names(tenant) == ["First", "Second"]


def refuse_to_speak() -> None:
    raise Unavailable()


def test_what_is_changed_of_it_after_it_was_added_is_not_sent(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        made = plain("Added")
        PLAIN.add(made)
        made.name = "Changed"
    assert names(tenant) == ["Added"]


def test_what_the_database_makes_of_a_new_object_is_not_read_in_vain(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        made = WHOLE.new()
        with pytest.raises(LookupError, match="made_in was not read"):
            getattr(made, "made_in")  # noqa: B009 - it is to be refused


def test_two_values_of_one_name_are_not_sent_in_one_message(tenant: Tenant) -> None:
    statements = [Statement("SELECT %(x)s", {"x": value}) for value in (1, 2)]
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        with pytest.raises(LookupError, match="called x"):
            ask(statements[0], {}, ahead=statements[1:])


def test_a_unit_that_has_nothing_to_keep_takes_no_connection(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction() as here:
        assert not db.session().new
    assert here.connection is None


class Kept(Conflict):
    keeps = True


def test_what_waits_is_kept_by_a_refusal_that_keeps(tenant: Tenant) -> None:
    @transaction()
    def refuse() -> None:
        enter(tenant.organization_id)
        PLAIN.add(plain())
        raise Kept()

    with tenant.app.app_context(), pytest.raises(Kept):
        refuse()
    assert names(tenant) == ["Standard"]


def test_what_meets_nothing_is_inserted_and_the_rest_is_not(tenant: Tenant) -> None:
    first = tenant.customer(email="ada@example.com")
    values = {"type": "business", "name": "x", "billing_emails": [], "tax_ids": [], "metadata_": {}, "archived": False}
    rows: list[dict[str, Any]] = [
        {**values, "email": first["email"], "email_key": first["email"]},
        {**values, "email": "bob@example.com", "email_key": "bob@example.com"},
    ]
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        made = insert_missing(Customer, rows)
    assert made == [rows[1]["id"]]
    assert {row["version"] for row in rows} == {1}


def test_every_table_that_is_inserted_so_names_all_of_its_columns() -> None:
    """But for those that the database fills in."""
    columns = {column.name for column in inserting._columns(sa.inspect(Invoice))}
    assert {column.name for column in Invoice.__table__.columns} - columns == {"issued_on", "made_in"}
