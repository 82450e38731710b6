"""Two deeds that meet at the same money. Each race says what may come of it: what would have come of one deed after the
other, in answers that are both true. They are run against the service, and against one that lacks a lock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.factories import Tenant
from tests.live_service import Reply

Call = tuple[str, str, Any]
"""Method, path and body."""


@dataclass(frozen=True)
class Race:
    """Two calls, how each pair of answers leaves the invoice or the source (status, due or available), and what to
    look at afterwards."""

    first: Call
    second: Call
    ends: dict[tuple[str, str], tuple[str, str]]
    """From the outcomes of both, `done` or the code of a refusal, to how the thing stands then."""
    place: str
    member: str = "amount_due"
    besides: Callable[[Reply, Reply], None] = field(default=lambda first, second: None)

    def judge(self, tenant: Tenant, first: Reply, second: Reply) -> tuple[str, str]:
        """The outcomes, of which the state must agree. Raises AssertionError."""
        outcome = (outcome_of(first), outcome_of(second))
        assert outcome in self.ends, (outcome, first.content, second.content)
        thing = tenant.get(self.place).json
        assert (thing["status"], thing[self.member]) == self.ends[outcome], (outcome, thing)
        self.besides(first, second)
        return outcome


def outcome_of(reply: Reply) -> str:
    """`done`, or the code of the refusal; a fault of the service is none."""
    assert reply.status < 500, reply.content
    return "done" if reply.status < 300 else str(reply.json["code"])


def at(invoice: dict[str, Any], action: str, body: Any = None) -> Call:
    return "POST", f"/v1/invoices/{invoice['id']}/{action}", body


def of(payment: dict[str, Any], action: str, body: Any = None) -> Call:
    return "POST", f"/v1/payments/{payment['id']}/{action}", body


def place(thing: dict[str, Any]) -> str:
    return str(thing["links"]["self"])


VOID = {"reason": "A mistake"}
FULL = {"amount": "119.00"}
SENT_BACK = {"reason": "Sent back"}


def credit(tenant: Tenant, customer: str, amount: str) -> dict[str, Any]:
    """Money to the customer's credit."""
    body = {"customer_id": customer, "currency": "EUR", "amount": amount}
    payment: dict[str, Any] = tenant.post("/v1/payments", body).json
    return payment


def same(first: Reply, second: Reply) -> None:
    """The second found it done, and answered with the same."""
    assert first.json == second.json


def void_void(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {("done", "done"): ("void", "0.00")}
    return Race(at(invoice, "void", VOID), at(invoice, "void", VOID), ends, place(invoice), besides=same)


def void_pay(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {
        ("done", "invoice-not-payable"): ("void", "0.00"),
        ("invoice-has-allocations", "done"): ("open", "69.00"),
    }
    return Race(at(invoice, "void", VOID), at(invoice, "payments", {"amount": "50.00"}), ends, place(invoice))


def pay_pay(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {("done", "invoice-not-payable"): ("paid", "0.00"), ("invoice-not-payable", "done"): ("paid", "0.00")}
    return Race(at(invoice, "payments", FULL), at(invoice, "payments", FULL), ends, place(invoice))


def pay_part_twice(tenant: Tenant) -> Race:
    """Both fit one by one, and not together."""
    invoice, part = tenant.invoice(), {"amount": "70.00"}
    ends = {("done", "amount-exceeds-due"): ("open", "49.00"), ("amount-exceeds-due", "done"): ("open", "49.00")}
    return Race(at(invoice, "payments", part), at(invoice, "payments", part), ends, place(invoice))


def pay_more_twice(tenant: Tenant) -> Race:
    """Of the second 49.00 are due, and 21.00 go to the balance."""
    invoice, part = tenant.invoice(), {"amount": "70.00", "overpayment": "balance"}

    def kept(first: Reply, second: Reply) -> None:
        shown = [tenant.get(reply.headers["Location"]).json for reply in (first, second)]
        assert sorted((one["amount_allocated"], one["amount_available"]) for one in shown) == [
            ("49.00", "21.00"), ("70.00", "0.00"),
        ]  # fmt: skip

    ends = {("done", "done"): ("paid", "0.00")}
    return Race(at(invoice, "payments", part), at(invoice, "payments", part), ends, place(invoice), besides=kept)


def pay_two_crosswise(tenant: Tenant) -> Race:
    """The same two invoices, named in either order: nobody waits in a ring."""
    customer = tenant.customer()["id"]
    one, two = (tenant.invoice(customer_id=customer) for _ in range(2))

    def call(*invoices: dict[str, Any]) -> Call:
        shares = [{"invoice_id": invoice["id"], "amount": "59.50"} for invoice in invoices]
        body = {"customer_id": customer, "currency": "EUR", "amount": "119.00", "allocations": shares}
        return "POST", "/v1/payments", body

    return Race(call(one, two), call(two, one), {("done", "done"): ("paid", "0.00")}, place(one))


def pay_reverse(tenant: Tenant) -> Race:
    """All that is due without a part of it, or all that is due after the part was taken back."""
    invoice = tenant.invoice()
    part = tenant.payment(invoice, amount="50.00")
    ends = {("amount-exceeds-due", "done"): ("open", "119.00"), ("done", "done"): ("paid", "0.00")}
    return Race(at(invoice, "payments", FULL), of(part, "reverse", SENT_BACK), ends, place(invoice))


def pay_rest_reverse(tenant: Tenant) -> Race:
    """The rest is paid while a part is taken back: the part is due again."""
    invoice = tenant.invoice()
    part = tenant.payment(invoice, amount="50.00")
    calls = at(invoice, "payments", {"amount": "69.00"}), of(part, "reverse", SENT_BACK)
    return Race(*calls, {("done", "done"): ("open", "50.00")}, place(invoice))


def reverse_reverse(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    payment = tenant.payment(invoice)
    call, ends = of(payment, "reverse", SENT_BACK), {("done", "done"): ("open", "119.00")}
    return Race(call, call, ends, place(invoice), besides=same)


def reverse_credit_twice(tenant: Tenant) -> Race:
    """No invoice stands between the two."""
    payment = credit(tenant, tenant.customer()["id"], "100.00")
    call, ends = of(payment, "reverse", SENT_BACK), {("done", "done"): ("reversed", "0.00")}
    return Race(call, call, ends, place(payment), "amount_available", besides=same)


def reverse_apply(tenant: Tenant) -> Race:
    """What came back is on no invoice, whether it was applied before or not."""
    invoice = tenant.invoice()
    payment = credit(tenant, invoice["customer_id"], "200.00")
    ends = {("done", "nothing-available"): ("open", "119.00"), ("done", "done"): ("open", "119.00")}
    return Race(of(payment, "reverse", SENT_BACK), at(invoice, "apply-balance"), ends, place(invoice))


def refund_refund(tenant: Tenant) -> Race:
    payment, rest = credit(tenant, tenant.customer()["id"], "100.00"), {"amount": "60.00"}
    ends = {
        ("done", "payment-is-applied"): ("received", "40.00"),
        ("payment-is-applied", "done"): ("received", "40.00"),
    }
    call = of(payment, "refunds", rest)
    return Race(call, call, ends, place(payment), "amount_available")


OWED = [{"description": "Work", "quantity": "-1", "unit_price": "100", "tax_rate": "19"}]
"""The line of an invoice over -119.00."""


def refund_invoice_apply(tenant: Tenant) -> Race:
    """What an invoice below zero owes goes back, or to another invoice."""
    invoice = tenant.invoice()
    owed = tenant.invoice(customer_id=invoice["customer_id"], lines=OWED)
    ends = {("done", "nothing-available"): ("open", "119.00"), ("payment-is-applied", "done"): ("paid", "0.00")}
    return Race(at(owed, "refunds", FULL), at(invoice, "apply-balance"), ends, place(invoice))


def refund_invoice_twice(tenant: Tenant) -> Race:
    """What an invoice below zero owes goes back once."""
    invoice = tenant.invoice(lines=OWED)
    call = at(invoice, "refunds", FULL)
    ends = {("done", "payment-is-applied"): ("paid", "0.00"), ("payment-is-applied", "done"): ("paid", "0.00")}
    return Race(call, call, ends, place(invoice))


def refund_apply(tenant: Tenant) -> Race:
    """The rest of a payment goes back, or to an invoice."""
    invoice = tenant.invoice()
    payment = tenant.payment(tenant.invoice(customer_id=invoice["customer_id"]), amount="238.00", overpayment="balance")
    ends = {("done", "nothing-available"): ("open", "119.00"), ("payment-is-applied", "done"): ("paid", "0.00")}
    return Race(of(payment, "refunds", FULL), at(invoice, "apply-balance"), ends, place(invoice))


def refund_reverse(tenant: Tenant) -> Race:
    payment = credit(tenant, tenant.customer()["id"], "100.00")
    ends = {
        ("done", "payment-is-refunded"): ("received", "40.00"),
        ("payment-is-applied", "done"): ("reversed", "0.00"),
    }
    calls = of(payment, "refunds", {"amount": "60.00"}), of(payment, "reverse", SENT_BACK)
    return Race(*calls, ends, place(payment), "amount_available")


def refund_pay(tenant: Tenant) -> Race:
    """The rest of one payment goes back while another comes in: neither knows of the other."""
    invoice = tenant.invoice()
    payment = tenant.payment(tenant.invoice(customer_id=invoice["customer_id"]), amount="238.00", overpayment="balance")
    ends = {("done", "done"): ("paid", "0.00")}
    return Race(of(payment, "refunds", FULL), at(invoice, "payments", FULL), ends, place(invoice))


def apply_apply(tenant: Tenant) -> Race:
    """One credit, two invoices: the second gets what the first has left."""
    customer = tenant.customer()["id"]
    one, two = (tenant.invoice(customer_id=customer) for _ in range(2))
    payment = credit(tenant, customer, "150.00")

    def shared(first: Reply, second: Reply) -> None:
        assert sorted(reply.json["amount_due"] for reply in (first, second)) == ["0.00", "88.00"]

    ends = {("done", "done"): ("received", "0.00")}
    calls = at(one, "apply-balance"), at(two, "apply-balance")
    return Race(*calls, ends, place(payment), "amount_available", besides=shared)


def give_up_pay(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {("done", "done"): ("paid", "0.00"), ("invalid-transition", "done"): ("paid", "0.00")}
    return Race(at(invoice, "mark-uncollectible"), at(invoice, "payments", FULL), ends, place(invoice))


def void_give_up(tenant: Tenant) -> Race:
    invoice = tenant.invoice()
    ends = {("done", "done"): ("void", "0.00"), ("done", "invalid-transition"): ("void", "0.00")}
    return Race(at(invoice, "void", VOID), at(invoice, "mark-uncollectible"), ends, place(invoice))


def expect_again_pay(tenant: Tenant) -> Race:
    """Part of what was given up comes in while it is being expected again."""
    invoice = tenant.invoice()
    assert tenant.post(f"{place(invoice)}/mark-uncollectible").status_code == 200
    ends = {("done", "done"): ("open", "69.00")}
    return Race(at(invoice, "mark-collectible"), at(invoice, "payments", {"amount": "50.00"}), ends, place(invoice))


def send_void(tenant: Tenant) -> Race:
    """What the buyer has is not declared void."""
    invoice = tenant.invoice()
    ends = {
        ("done", "void-not-permitted"): ("open", "119.00"),
        ("invalid-transition", "done"): ("void", "0.00"),
    }
    return Race(at(invoice, "mark-sent"), at(invoice, "void", VOID), ends, place(invoice))


RACES = (
    void_void, void_pay, pay_pay, pay_part_twice, pay_more_twice, pay_two_crosswise, pay_reverse, pay_rest_reverse,
    reverse_reverse, reverse_credit_twice, reverse_apply, refund_refund, refund_invoice_apply, refund_invoice_twice,
    refund_apply, refund_reverse, refund_pay, apply_apply, give_up_pay, void_give_up, expect_again_pay, send_void,
)  # fmt: skip
