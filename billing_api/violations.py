"""What a client is told when the database refuses by one of its constraints."""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy.exc import DBAPIError, IntegrityError

from billing_api.errors import BillingError

_violations: dict[str, Callable[[], BillingError]] = {}
_unlooked: set[str] = set()


def on_violation(constraint: str, refusal: Callable[[], BillingError]) -> None:
    """When the database refuses by this constraint, the client gets this refusal. Called beside the model."""
    _violations[constraint] = refusal


def look_later(constraints: Iterable[str]) -> None:
    """Declare that a row is written without a look at what is in its way, and that these constraints see to it: where
    one refuses, the transaction is run again, looks, and can tell more."""
    _unlooked.update(constraints)


def is_unlooked(error: DBAPIError) -> bool:
    """Whether such a constraint has refused."""
    return isinstance(error, IntegrityError) and constraint_of(error) in _unlooked


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
