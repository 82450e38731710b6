"""How far a credential reaches, and the refusals of what lies beyond."""

from collections.abc import Sequence

from billing_api.domain.access import Principal
from billing_api.errors import Forbidden


class SecondFactorEnrolmentRequired(Forbidden):
    """The organization demands a second factor, and you have none yet, so this session opens only your own account.
    Take one up with `POST /v1/me/second-factor` and `POST /v1/me/second-factor/verify`, then refresh the token with
    `POST /v1/auth/refresh`."""

    code = "second-factor-enrolment-required"
    title = "Take up a second factor first"


class InsufficientScope(Forbidden):
    """The credential is good, but does not carry all scopes that this operation asks for, or that the reply under this
    `Idempotency-Key` was given for. `detail` names them; ask somebody with a higher role."""

    code = "insufficient-scope"
    title = "The token does not reach this far"

    def __init__(self, scopes: Sequence[str], what: str = "This") -> None:
        super().__init__(
            f"{what} needs the scope{'s' * (len(scopes) > 1)} {' and '.join(scopes)}.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'},
        )


def insist(principal: Principal, scopes: Sequence[str]) -> None:
    """Raises InsufficientScope without all of these scopes, and SecondFactorEnrolmentRequired in a session that has
    none because its user lacks a second factor."""
    if scopes and principal.is_limited:
        raise SecondFactorEnrolmentRequired("Take up a second factor first; if you just have, refresh the token.")
    if not principal.scopes.issuperset(scopes):
        raise InsufficientScope(scopes)
