"""What a client is told when the database refuses by one of its constraints."""

from collections.abc import Callable, Mapping

from sqlalchemy.exc import IntegrityError

from billing_api.errors import BillingError

_violations: dict[str, Callable[[], BillingError]] = {}


def on_violation(constraint: str, refusal: Callable[[], BillingError]) -> None:
    """When the database refuses by this constraint, the client gets this refusal. Called beside the model."""
    _violations[constraint] = refusal


def constraint_of(error: IntegrityError) -> str | None:
    """The constraint by which the database refused, where it names one."""
    found: str | None = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return found


def refusal_of(constraint: str | None) -> BillingError | None:
    """The refusal that stands for a broken constraint, or None where none was named for it."""
    make = _violations.get(constraint or "")
    return make() if make else None


def refusals_of_constraints() -> Mapping[str, Callable[[], BillingError]]:
    """What stands for a broken constraint, by the names of the constraints."""
    return _violations
