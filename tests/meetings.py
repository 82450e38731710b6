"""Two deeds that meet at something other than money: what may come of them, as in `tests.money_races`."""

import datetime as dt
import functools
from collections.abc import Callable

from billing_api import clock
from tests.factories import PASSWORD, Tenant, line, mailed
from tests.live_service import Reply
from tests.money_races import Call, Race, outcome_of

Judge = Callable[[Reply, Reply], object]
Meeting = tuple[Call, Call, Judge]
"""Two calls, and what raises AssertionError where their answers, or what came of them, cannot both be true."""


def of_money(prepare: Callable[[Tenant], Race], tenant: Tenant) -> Meeting:
    race = prepare(tenant)
    return race.first, race.second, functools.partial(race.judge, tenant)


def edit_finalize(tenant: Tenant) -> Meeting:
    """The change is in the issued invoice, or it is refused."""
    path = tenant.draft()["links"]["self"]

    def judge(edited: Reply, issued: Reply) -> None:
        assert (outcome_of(edited), outcome_of(issued)) in {("done", "done"), ("invalid-transition", "done")}
        assert issued.json["notes"] == ("changed" if edited.status == 200 else None)
        assert issued.json["status"] == tenant.get(path).json["status"] == "open"

    return ("PATCH", path, {"notes": "changed"}), ("POST", f"{path}/finalize", None), judge


def duplicate_edit(tenant: Tenant) -> Meeting:
    """The copy has the lines of one version, also where what they name is archived by now."""
    product = tenant.product()
    path = tenant.draft(lines=[line(product_id=product["id"])] * 2)["links"]["self"]
    assert tenant.patch(product["links"]["self"], {"archived": True}).status_code == 200

    def judge(copied: Reply, edited: Reply) -> None:
        assert (outcome_of(copied), outcome_of(edited)) == ("done", "done")
        assert len(copied.json["lines"]) == 2

    return ("POST", f"{path}/duplicate", None), ("PATCH", path, {"lines": [line()]}), judge


def delete_finalize(tenant: Tenant) -> Meeting:
    """It is issued and stays, or it is gone and has no number."""
    path = tenant.draft()["links"]["self"]

    def judge(deleted: Reply, issued: Reply) -> None:
        assert (outcome_of(deleted), outcome_of(issued)) in {("done", "not-found"), ("invalid-transition", "done")}
        assert tenant.get(path).status_code == issued.status

    return ("DELETE", path, None), ("POST", f"{path}/finalize", None), judge


def finalize_finalize(tenant: Tenant) -> Meeting:
    """One number, one version."""
    path = tenant.draft()["links"]["self"]

    def judge(first: Reply, second: Reply) -> None:
        assert first.json == second.json

    return ("POST", f"{path}/finalize", None), ("POST", f"{path}/finalize", None), judge


def finalize_others(tenant: Tenant) -> Meeting:
    """Two drafts get two numbers, of two years, and the one of the later date after the other: that one number were
    given twice, a constraint would see."""
    customer = tenant.customer()["id"]
    drafts = [tenant.draft(customer_id=customer, issue_date=on) for on in ("2025-12-31", "2026-01-01")]
    calls = [("POST", f"{draft['links']['self']}/finalize", None) for draft in drafts]

    def judge(*replies: Reply) -> None:
        assert [outcome_of(reply) for reply in replies] == ["done", "done"]
        issued = tenant.get("/v1/events?type=invoice.finalized").json["data"]
        assert [event["object"]["id"] for event in issued] == [draft["id"] for draft in drafts]

    return calls[0], calls[1], judge


def change_both(tenant: Tenant, path: str, *members: str) -> Meeting:
    """Two changes of different members: both hold in the end."""
    first, second = ({member: "H 1"} for member in members)

    def judge(*replies: Reply) -> None:
        assert [outcome_of(reply) for reply in replies] == ["done", "done"]
        assert tenant.get(path).json.items() >= {**first, **second}.items()

    return ("PATCH", path, first), ("PATCH", path, second), judge


def change_organization(tenant: Tenant) -> Meeting:
    return change_both(tenant, "/v1/organization", "phone", "registration_number")


def change_customer(tenant: Tenant) -> Meeting:
    return change_both(tenant, tenant.customer()["links"]["self"], "phone", "registration_number")


def change_product(tenant: Tenant) -> Meeting:
    return change_both(tenant, tenant.product()["links"]["self"], "name", "description")


def take_and_change_rate(tenant: Tenant) -> Meeting:
    """What is on a line is what the rate says: one that is in use does not change."""
    rate = tenant.tax_rate(rate="19")
    one = {"description": "Work", "quantity": "1", "unit_price": "100", "tax_rate_id": rate["id"]}
    place = rate["links"]["self"]

    def judge(taken: Reply, changed: Reply) -> None:
        assert (outcome_of(taken), outcome_of(changed)) in {("done", "done"), ("done", "tax-rate-in-use")}
        assert taken.json["lines"][0]["tax_rate"] == tenant.get(place).json["rate"]

    return ("POST", "/v1/invoices", tenant.invoice_body(lines=[one])), ("PATCH", place, {"rate": "20"}), judge


def change_and_take_rate(tenant: Tenant) -> Meeting:
    """The other way round."""
    take, change, judge = take_and_change_rate(tenant)
    return change, take, lambda changed, taken: judge(taken, changed)


def take_and_delete_product(tenant: Tenant) -> Meeting:
    """The product is gone and the draft refused, or the draft stands and the product stays."""
    product = tenant.product(tax_rate="19")
    body = tenant.invoice_body(lines=[{"product_id": product["id"], "quantity": "1"}])

    def judge(taken: Reply, deleted: Reply) -> None:
        ends = {("done", "product-in-use"), ("product-not-found", "done")}
        assert (outcome_of(taken), outcome_of(deleted)) in ends

    return ("POST", "/v1/invoices", body), ("DELETE", product["links"]["self"], None), judge


def facts(tenant: Tenant) -> list[str]:
    return [str(event["type"]) for event in tenant.get("/v1/events?limit=100").json["data"]]


def pay_close(tenant: Tenant) -> Meeting:
    """Nothing is dated into books that were closed before it was recorded."""
    on = (clock.today("Europe/Berlin") - dt.timedelta(3)).isoformat()
    body = {"customer_id": tenant.customer()["id"], "currency": "EUR", "amount": "1.00", "payment_date": on}

    def judge(paid: Reply, closed: Reply) -> None:
        assert (outcome_of(paid), outcome_of(closed)) in {("done", "done"), ("period-locked", "done")}
        order = [fact for fact in facts(tenant)[-2:] if fact in {"payment.received", "organization.updated"}]
        assert order == (["payment.received", "organization.updated"] if paid.status == 201 else order[-1:])

    return ("POST", "/v1/payments", body), ("PATCH", "/v1/organization", {"books_locked_until": on}), judge


def finalize_rename(tenant: Tenant) -> Meeting:
    """The buyer on a document is the one that stood at its issue."""
    draft = tenant.draft()
    path, place = draft["links"]["self"], draft["links"]["customer"]

    def judge(issued: Reply, renamed: Reply) -> None:
        assert (outcome_of(issued), outcome_of(renamed)) == ("done", "done")
        is_issued_first = facts(tenant)[-1] == "customer.updated"
        assert (issued.json["buyer"]["name"] != "Renamed") == is_issued_first

    return ("POST", f"{path}/finalize", None), ("PATCH", place, {"name": "Renamed"}), judge


def draft_delete(tenant: Tenant) -> Meeting:
    """The customer is gone and the draft refused, or the draft stands and the customer stays."""
    place = tenant.customer()["links"]["self"]
    body = tenant.invoice_body(customer_id=place.rpartition("/")[2])

    def judge(made: Reply, deleted: Reply) -> None:
        assert (outcome_of(made), outcome_of(deleted)) in {("done", "customer-in-use"), ("customer-not-found", "done")}
        assert (tenant.get(place).status_code == 200) == (made.status == 201)

    return ("POST", "/v1/invoices", body), ("DELETE", place, None), judge


def refresh_refresh(tenant: Tenant) -> Meeting:
    """One refresh token has one successor."""
    call = ("POST", "/v1/auth/refresh", {"refresh_token": tenant.refresh_token})

    def judge(*replies: Reply) -> None:
        assert sorted(outcome_of(reply) for reply in replies) == ["done", "refresh-token-in-exchange"]

    return call, call, judge


def both_owners(tenant: Tenant, method: str, body: dict[str, str] | None) -> Meeting:
    """Of two owners one is left."""
    people = [tenant.colleague("owner").user_id, tenant.user_id]
    first, second = ((method, f"/v1/users/{id}", body) for id in people)

    def judge(*replies: Reply) -> None:
        assert sorted(outcome_of(reply) for reply in replies) == ["done", "last-owner"]

    return first, second, judge


def demote_both(tenant: Tenant) -> Meeting:
    return both_owners(tenant, "PATCH", {"role": "viewer"})


def disable_both(tenant: Tenant) -> Meeting:
    return both_owners(tenant, "PATCH", {"status": "disabled"})


def remove_both(tenant: Tenant) -> Meeting:
    return both_owners(tenant, "DELETE", None)


def invite_disabled(tenant: Tenant) -> Meeting:
    """Who is kept out has left no invitation."""
    other = tenant.colleague("owner")
    body = {"email": f"late-{tenant.email}", "role": "owner"}

    def judge(*replies: Reply) -> None:
        assert [outcome_of(reply) for reply in replies] in (["done", "done"], ["unauthenticated", "done"])
        assert other.get("/v1/invitations").json["data"] == []

    place = f"/v1/users/{tenant.user_id}"
    return ("POST", "/v1/invitations", body), ("PATCH", place, {"status": "disabled"}), judge


def accept_revoke(tenant: Tenant) -> Meeting:
    """They are in, and the invitation cannot be taken back, or it was, and they are not."""
    email = f"guest-{tenant.email}"
    place = tenant.post("/v1/invitations", {"email": email, "role": "viewer"}).json["links"]["self"]
    body = {"token": mailed(tenant, email), "name": "Grace", "password": PASSWORD}

    def judge(accepted: Reply, revoked: Reply) -> None:
        ends = {("done", "invitation-accepted"), ("invalid-invitation", "done")}
        assert (outcome_of(accepted), outcome_of(revoked)) in ends

    return ("POST", "/v1/auth/accept-invitation", body), ("DELETE", place, None), judge


def resend_accept(tenant: Tenant) -> Meeting:
    """The token that was mailed before is replaced, and brings nobody in."""
    email = f"guest-{tenant.email}"
    place = tenant.post("/v1/invitations", {"email": email, "role": "viewer"}).json["links"]["self"]
    body = {"token": mailed(tenant, email), "name": "Grace", "password": PASSWORD}

    def judge(*replies: Reply) -> None:
        assert [outcome_of(reply) for reply in replies] == ["done", "invalid-invitation"]

    return ("POST", f"{place}/resend", None), ("POST", "/v1/auth/accept-invitation", body), judge


def reset_reset(tenant: Tenant) -> Meeting:
    """One token sets one password."""
    assert tenant.client.post("/v1/auth/password-reset", json={"email": tenant.email}).status_code == 202
    token = mailed(tenant, tenant.email)
    first, second = ({"token": token, "password": f"{PASSWORD} {word}"} for word in ("orange", "purple"))

    def judge(*replies: Reply) -> None:
        assert sorted(outcome_of(reply) for reply in replies) == ["done", "invalid-password-reset"]

    place = "/v1/auth/password-reset/confirm"
    return ("POST", place, first), ("POST", place, second), judge


def create_twice(tenant: Tenant, **members: str) -> Meeting:
    """What two cannot have, the first has."""
    call = ("POST", "/v1/customers", {"name": "Customer", **members})

    def judge(*replies: Reply) -> None:
        (named,) = members
        refusal = f"customer-{named.replace('_', '-')}-taken"
        assert sorted(outcome_of(reply) for reply in replies) == sorted([refusal, "done"])

    return call, call, judge


def create_others(tenant: Tenant) -> Meeting:
    """Two facts have two numbers."""
    calls = [("POST", "/v1/customers", {"name": name}) for name in ("One", "Two")]

    def judge(*replies: Reply) -> None:
        assert [outcome_of(reply) for reply in replies] == ["done", "done"]
        assert facts(tenant)[-2:] == ["customer.created"] * 2

    return calls[0], calls[1], judge


def create_once(tenant: Tenant) -> Meeting:
    """One key stands for one request: the second gets what the first got."""
    call = ("POST", "/v1/customers", {"name": "Once"})

    def judge(first: Reply, second: Reply) -> None:
        assert (outcome_of(first), outcome_of(second)) == ("done", "done")
        assert first.content == second.content
        assert len(tenant.get("/v1/customers").json["data"]) == 1

    return call, call, judge
