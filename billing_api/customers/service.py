"""The life of a customer: created, changed, archived, and deleted while unused."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.customers.models import CUSTOMER_TRAITS, Customer
from billing_api.database import Overtaken, db, find, insert_missing, is_own
from billing_api.domain.emails import fold
from billing_api.domain.texts import is_one_line
from billing_api.errors import Conflict, NotFound, PreconditionFailed
from billing_api.events.service import record
from billing_api.filtering import equal, filtered, flag, since
from billing_api.reading import Shape
from billing_api.searching import Search, Way, look_for
from billing_api.unit_of_work import unit
from billing_api.violations import look_later, on_violation, refusal_of


class CustomerInUse(Conflict):
    """Documents name this customer, so it must stay. Archive it instead: PATCH `{"archived": true}`."""

    code = "customer-in-use"
    title = "The customer has documents"


class CustomerAnonymized(Conflict):
    """Nothing personal is known of this customer any more, and that stays so. Make a new one."""

    code = "customer-anonymized"
    title = "The customer was anonymized"


for _table in ("invoices", "sources", "refunds", "ledger_entries"):
    on_violation(f"fk_{_table}_organization_id_customer_id", CustomerInUse)

_FILTERS = {
    "archived": flag(Customer.archived),
    "email": lambda email: Customer.email_key == fold(email),
    "external_id": equal(Customer.external_id),
    "updated_since": since(Customer.updated_at),
}
_WAYS = (Way(CUSTOMER_TRAITS),)
WHOLE = Shape(Customer)
"""A customer to be shown."""


_KEYS = {
    "email_key": "uq_customers_organization_id_email_key",
    "external_id": "uq_customers_organization_id_external_id",
}
"""What only one customer of an organization may have, and the constraint that says so."""
look_later(_KEYS.values())


def create(values: Mapping[str, Any]) -> Customer:
    """Add a customer, with what ends the transaction. What is in the way is looked for when something is, and the
    transaction run again. Raises what `create_several` does."""
    if unit().is_again:
        return create_several([values])[0]
    customer: Customer = WHOLE.new(**_row(values))
    WHOLE.add(customer)
    record("customer.created", customer)
    return customer


def create_several(several: Sequence[Mapping[str, Any]]) -> list[Customer]:
    """Add customers, all in one statement: one that is refused takes all others with it. A taken address or external id
    gives way to the row that is there, or is being made by another, so that both can be told of.

    Raises:
        CustomerEmailTaken, CustomerExternalIdTaken, or Conflict where both are.
    """
    rows = [_row(values) for values in several]
    made = {*insert_missing(Customer, rows)}
    if len(made) < len(rows):
        _refuse_taken([row for row in rows if row["id"] not in made])
        # What was in the way has been deleted since.
        raise Overtaken()
    customers: list[Customer] = [WHOLE.object(row) for row in rows]
    for customer in customers:
        record("customer.created", customer)
    return customers


def read(id: uuid.UUID) -> tuple[Sequence[Any], Callable[[], Any]]:
    """The version of a customer and when it last changed, and what makes it, to be shown. Raises NotFound."""
    return WHOLE.one(id, Customer.version, Customer.updated_at)


def present(id: uuid.UUID) -> Customer:
    """A customer, as it stands in the transaction at hand. Raises NotFound."""
    found = look_up(id)
    if found is None:
        raise NotFound()
    return found


def look_up(id: uuid.UUID | None, *, keep: bool = False) -> Customer | None:
    """The customer that a body names, or None; `keep` lets nobody delete it before the commit."""
    # FOR KEY SHARE is what the foreign key takes anyway, but too late for a clear refusal.
    found: Customer | None = None if id is None else WHOLE.at_hand(id, "keep" if keep else None)
    return found


def look_up_several(ids: Collection[uuid.UUID], external_ids: Collection[str]) -> list[Customer]:
    """The customers with one of these ids or external ids, in the order of their ids; nobody changes them before the
    commit."""
    named = sa.or_(Customer.id.in_(ids), Customer.external_id.in_(external_ids))
    query = sa.select(Customer).where(Customer.organization_id == unit().tenant, named).order_by(Customer.id)
    return list(db.session.scalars(query.with_for_update(read=True).execution_options(populate_existing=True)))


def create_missing(several: Sequence[Mapping[str, Any]]) -> list[Customer | None]:
    """Add those customers whose external id is not there yet, in one statement; None stands for the others."""
    rows = [_fixed(_row(values)) for values in several]
    statement = (
        postgresql.insert(Customer)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["organization_id", "external_id"])
        .returning(Customer)
    )
    made = {customer.id: customer for customer in db.session.scalars(statement)} if rows else {}
    for customer in made.values():
        record("customer.created", customer)
    return [made.get(row["id"]) for row in rows]


def edit(
    id: uuid.UUID, change: Callable[[Customer], Mapping[str, Any]], expected: Collection[int] | None = None
) -> Customer:
    """Change a customer to what `change` makes of it.

    Raises:
        NotFound, PreconditionFailed, CustomerAnonymized
    """
    return _apply(find(Customer, id, lock=True, expected=expected), change)


def upsert(
    external_id: str, values: Mapping[str, Any], expected: Collection[int] | None = None
) -> tuple[Customer, bool]:
    """Create or replace the customer with this external id; also tells whether it is new.

    The insert goes first and gives way to a row that is there, or is being made by another, so that of two at once
    one creates and the other replaces. Where versions are expected, there must be one; where none is, there must not.

    Raises:
        NotFound: the external id is blank, or has control characters, which no new one can be or have.
        PreconditionFailed: there is none, or one at another version than expected.
    """
    external_id = external_id.strip()
    if not external_id:
        raise NotFound()
    row = {**_row(values), "external_id": external_id}
    may_create = not expected and is_one_line(external_id)
    customer, is_new = _made_or_locked(row, may_create=may_create)
    if customer is None:
        raise PreconditionFailed() if is_one_line(external_id) else NotFound()
    if is_new:
        return customer, True
    if expected is not None and customer.version not in expected:
        raise PreconditionFailed()
    # A key from before may have control characters, and what bears it can still be replaced.
    return _apply(customer, lambda _: {**values, "external_id": external_id}), False


def delete(id: uuid.UUID, expected: Collection[int] | None = None) -> None:
    """Delete a customer that no document names.

    Raises:
        NotFound, PreconditionFailed
        CustomerInUse: through the foreign key, so that no invoice made at the same moment is orphaned.
    """
    customer = find(Customer, id, lock=True, expected=expected)
    db.session.delete(customer)
    record("customer.deleted", customer)
    db.session.flush()


def search(filters: Mapping[str, Any]) -> sa.Select[Customer]:
    """The query for the customers that match; archived ones only when asked for."""
    return filtered(sa.select(Customer).where(is_own(Customer)), filters, _FILTERS)


def show_beside(rows: Sequence[Any]) -> None:
    """Let each of these rows show the customer whom it names, whole; all in one statement."""
    ids = {row.customer_id for row in rows}
    query = sa.select(Customer).where(Customer.organization_id == unit().tenant, Customer.id.in_(ids))
    customers = {customer.id: customer for customer in db.session.scalars(query)}
    for row in rows:
        row.customer = customers[row.customer_id]


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of names, e-mail addresses and external ids, and metadata."""
    return look_for(filters, _WAYS)


def _locked(external_id: str) -> Customer | None:
    query = sa.select(Customer).where(Customer.organization_id == unit().tenant, Customer.external_id == external_id)
    return db.session.scalars(query.with_for_update(key_share=True)).one_or_none()


def _apply(customer: Customer, change: Callable[[Customer], Mapping[str, Any]]) -> Customer:
    if customer.anonymized_at is not None:
        raise CustomerAnonymized()
    row = _row(change(customer))
    changed = [name for name, value in row.items() if getattr(customer, name) != value]
    if {*changed} >= _KEYS.keys():
        # The database would tell of one.
        _refuse_taken([row], but=customer.id)
    for name in changed:
        setattr(customer, name, row[name])
    if changed:
        record("customer.updated", customer, changed=[name.rstrip("_") for name in changed if name != "email_key"])
        db.session.flush()
    return customer


def _made_or_locked(row: dict[str, Any], *, may_create: bool) -> tuple[Customer | None, bool]:
    """The customer with the external id of this row, and whether it is new; None where it is not there."""
    while True:
        if may_create and (made := _insert(row)) is not None:
            return made, True
        customer = _locked(row["external_id"])
        # Where the row that was in the way has been deleted since, there is room for a new one.
        if customer is not None or not may_create:
            return customer, False


def _refuse_taken(rows: Sequence[Mapping[str, Any]], but: uuid.UUID | None = None) -> None:
    """Refuse, at once, each kind of key that a customer has of those in these rows, one of whom may be let out."""
    wanted = {name: {row[name] for row in rows} - {None} for name in _KEYS}
    columns = {name: getattr(Customer, name) for name in _KEYS}
    is_taken = sa.or_(*(columns[name].in_(keys) for name, keys in wanted.items()))
    query = sa.select(*columns.values()).where(
        Customer.organization_id == unit().tenant, is_taken, Customer.id.is_distinct_from(but)
    )
    found = db.session.execute(query).all()
    taken = [name for name, keys in wanted.items() if keys & {getattr(one, name) for one in found}]
    refusals = [refusal for name in taken if (refusal := refusal_of(_KEYS[name]))]
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Conflict("Customers have both keys.", faults=[fault for one in refusals for fault in one.faults])


def _insert(row: dict[str, Any]) -> Customer | None:
    customer = db.session.scalars(
        postgresql.insert(Customer)
        .values(_fixed(row))
        .on_conflict_do_nothing(index_elements=["organization_id", "external_id"])
        .returning(Customer)
    ).one_or_none()
    if customer is not None:
        record("customer.created", customer)
    return customer


def _fixed(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a new row, for a statement that is made by hand."""
    now = clock.now()
    columns = {("metadata" if name == "metadata_" else name): value for name, value in row.items()}
    fixed = {"organization_id": unit().tenant, "id": uuid7(), "version": 1, "created_at": now, "updated_at": now}
    return {**columns, **fixed}


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    email = values.get("email")
    return {**values, "email_key": fold(email) if email else None}
