"""The life of an invoice, as data: its statuses, how one follows from another, and what each action asks for.

draft ──► open ──► paid          settled: nothing is due any more
  │        │ ▲      │ │
  │        │ └──────┘ │          a payment is reversed
  │        ├──► uncollectible    nobody expects the money; back when that was a mistake, paid when it comes after all
  │        └──► void             never owed; from uncollectible too
  └──► paid                      nothing is payable from the beginning
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

STATUSES = ("draft", "open", "paid", "uncollectible", "void")

SETTLEMENTS = ("payment", "credit", "mixed", "nothing")
"""What may have settled a paid invoice."""

TRANSITIONS = frozenset({
    ("draft", "open"), ("draft", "paid"),
    ("open", "paid"), ("open", "uncollectible"), ("open", "void"),
    ("paid", "open"), ("paid", "uncollectible"),
    ("uncollectible", "paid"), ("uncollectible", "open"), ("uncollectible", "void"),
})  # fmt: skip
"""Every change of status that there is; the database knows the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides on an action, beside the status; amounts in minor units."""

    status: str
    amount_due: int = 0
    amount_allocated: int = 0
    """What payments and credits have brought so far."""
    is_below_zero: bool = False
    """Whether it is a credit itself."""
    is_left: bool = False
    """Whether credit notes have left anything of it, were it parts whose amounts make up for each other."""
    has_credit_notes: bool = False
    is_sent: bool = False
    is_voided_freely: bool = False
    """Whether the seller cancels by voiding also what the buyer has already."""
    is_credit_available: bool = True
    """Whether the buyer has something to their credit in its currency."""
    is_buyer_archived: bool = False
    is_buyer_anonymized: bool = False
    is_owed_back: bool = False
    """Whether it owes the buyer something instead."""
    is_refund_available: bool = True
    """Whether anything of that has neither been applied nor given back."""
    is_today_closed: bool = False
    """Whether the seller's books are closed up to today, so that nothing can be entered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A condition: the code of its refusal, and the sentence that says what is in the way."""

    code: str
    detail: str
    holds: Callable[[Facts], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done to an invoice, as HTTP offers it; `{id}` in the path is the invoice's own."""

    name: str
    method: str
    path: str
    sources: frozenset[str]
    """The statuses in which it is open."""
    requires: tuple[Requirement, ...] = ()


_OWED = Requirement(
    code="invoice-not-payable", detail="Nothing is due on it.", holds=lambda facts: facts.amount_due > 0
)
_UNSETTLED = Requirement(
    code="invoice-has-allocations",
    detail="Payments or credits have been applied to it: reverse them, or credit the invoice.",
    holds=lambda facts: facts.amount_allocated == 0,
)
_UNCREDITED = Requirement(
    code="invoice-has-credit-notes",
    detail="It has credit notes: credit the rest of it.",
    holds=lambda facts: not facts.has_credit_notes,
)
_VOIDABLE = Requirement(
    code="void-not-permitted",
    detail="The buyer has it: cancel it by a credit note of all that remains (POST /v1/credit-notes).",
    holds=lambda facts: facts.is_voided_freely or not facts.is_sent,
)
_POSITIVE = Requirement(
    code="invoice-not-creditable",
    detail="It is below zero, and a credit itself: issue an invoice over the amount.",
    holds=lambda facts: not facts.is_below_zero,
)
_WORTH_SOMETHING = Requirement(
    code="invoice-not-creditable",
    detail="It comes to nothing, so there is nothing to credit.",
    holds=lambda facts: facts.is_left or facts.has_credit_notes,
)
_CREDITABLE = Requirement(
    code="invoice-not-creditable",
    detail="Nothing of it remains to be credited.",
    holds=lambda facts: facts.is_left,
)
_COVERED = Requirement(
    code="nothing-available",
    detail="The customer has nothing to their credit in its currency.",
    holds=lambda facts: facts.is_credit_available,
)
_OWED_BACK = Requirement(
    code="payment-is-applied",
    detail="It owes the buyer nothing: payments and credit notes are refunded by themselves.",
    holds=lambda facts: facts.is_owed_back,
)
_REFUNDABLE = Requirement(
    code="payment-is-applied",
    detail="Nothing of it is available: it has been applied to invoices, or given back.",
    holds=lambda facts: facts.is_refund_available,
)
_ACTIVE = Requirement(
    code="customer-archived",
    detail="The customer is archived: PATCH it with archived: false.",
    holds=lambda facts: not facts.is_buyer_archived,
)
_KNOWN = Requirement(
    code="customer-archived",
    detail="The customer was anonymized: a new invoice would be issued to nobody.",
    holds=lambda facts: not facts.is_buyer_anonymized,
)
_BOOKABLE = Requirement(
    code="period-locked",
    detail="The books are closed up to today: see books_locked_until of the organization.",
    holds=lambda facts: not facts.is_today_closed,
)

_TO_VOID = (_UNSETTLED, _UNCREDITED, _VOIDABLE)
_TO_CREDIT = (_POSITIVE, _WORTH_SOMETHING, _CREDITABLE)

_DRAFT = frozenset({"draft"})
_OWING = frozenset({"open", "uncollectible"})
_STANDING = frozenset({"open", "paid", "uncollectible"})
_ISSUED = frozenset({"open", "paid", "uncollectible", "void"})


def _unless_voided(requirement: Requirement) -> Requirement:
    """What a credit note asks for, where the invoice cannot be declared void instead."""

    def holds(facts: Facts) -> bool:
        is_voidable = facts.status in _OWING and all(one.holds(facts) for one in _TO_VOID)
        return is_voidable or requirement.holds(facts)

    return replace(requirement, holds=holds)


_TO_REVISE = tuple(_unless_voided(one) for one in _TO_CREDIT)


def _action(
    name: str, sources: frozenset[str], *requires: Requirement, method: str = "POST", path: str | None = None
) -> Action:
    where = f"/v1/invoices/{{id}}/{name}" if path is None else path
    return Action(name=name, method=method, path=where, sources=sources, requires=requires)


ACTIONS = (
    _action("update", _DRAFT, method="PATCH", path="/v1/invoices/{id}"),
    _action("delete", _DRAFT, method="DELETE", path="/v1/invoices/{id}"),
    _action("finalize", _DRAFT),
    _action("mark-sent", _STANDING),
    _action("pay", _OWING, _OWED, _BOOKABLE, path="/v1/invoices/{id}/payments"),
    _action("apply-balance", _OWING, _OWED, _BOOKABLE, _COVERED),
    _action("refund", frozenset({"paid"}), _OWED_BACK, _BOOKABLE, _REFUNDABLE, path="/v1/invoices/{id}/refunds"),
    _action("credit", _STANDING, *_TO_CREDIT, _BOOKABLE, path="/v1/credit-notes"),
    _action("void", _OWING, *_TO_VOID, _BOOKABLE),
    _action("mark-uncollectible", frozenset({"open"}), _BOOKABLE),
    _action("mark-collectible", frozenset({"uncollectible"}), _BOOKABLE),
    _action("revise", _STANDING, *_TO_REVISE, _KNOWN, _BOOKABLE),
    _action("duplicate", _DRAFT | _ISSUED, _KNOWN, _ACTIVE),
)
"""In the order in which a screen would show them."""

_BY_NAME = {action.name: action for action in ACTIONS}


def is_open(name: str, status: str) -> bool:
    """Whether the action of this name is open in this status."""
    return status in _BY_NAME[name].sources


def allowed(facts: Facts) -> list[str]:
    """The names of the actions that nothing stands in the way of, as far as the facts tell."""
    return [action.name for action in ACTIONS if facts.status in action.sources and not hindrance(action.name, facts)]


def hindrance(name: str, facts: Facts) -> Requirement | None:
    """What stands in the way of an action that the status would allow; None where nothing does."""
    return next((one for one in _BY_NAME[name].requires if not one.holds(facts)), None)


def status_when_issued(payable_amount: int) -> str:
    """The status that finalization leads to: with nothing to pay the invoice is settled at once."""
    return "open" if payable_amount > 0 else "paid"


def status_when_settled(amount_due: int, *, is_written_off: bool) -> str:
    """The status after money was applied or taken back: paid when nothing is due, and where something is due again,
    open, or uncollectible where it had been given up."""
    if amount_due == 0:
        return "paid"
    return "uncollectible" if is_written_off else "open"


def settled_by(status: str, amount_paid: int, amount_credited: int) -> str | None:
    """What has settled a paid invoice: `payment`, `credit`, `mixed`, or `nothing` where nothing was payable."""
    if status != "paid":
        return None
    if amount_paid > 0:
        return "mixed" if amount_credited > 0 else "payment"
    return "credit" if amount_credited > 0 else "nothing"
