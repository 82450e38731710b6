"""The life of an invoice, as data: its statuses, and which action is open in which of them."""

from dataclasses import dataclass

STATUSES = ("draft", "open", "paid", "uncollectible", "void")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be done to an invoice, as HTTP offers it: the path is relative to the invoice's own."""

    name: str
    method: str
    path: str
    sources: frozenset[str]
    """The statuses in which it is open."""


_DRAFT = frozenset({"draft"})

ACTIONS = (
    Action(name="update", method="PATCH", path="", sources=_DRAFT),
    Action(name="delete", method="DELETE", path="", sources=_DRAFT),
    Action(name="finalize", method="POST", path="/finalize", sources=_DRAFT),
)
"""In the order in which a screen would show them."""

_BY_NAME = {action.name: action for action in ACTIONS}


def is_open(name: str, status: str) -> bool:
    """Whether the action of this name is open in this status."""
    return status in _BY_NAME[name].sources


def open_in(status: str) -> list[str]:
    """The names of the actions that are open in this status."""
    return [action.name for action in ACTIONS if status in action.sources]


def status_when_issued(payable_amount: int) -> str:
    """The status that finalization leads to: with nothing to pay the invoice is settled at once."""
    return "open" if payable_amount > 0 else "paid"
