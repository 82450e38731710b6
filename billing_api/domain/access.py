"""Who may do what: roles and the scopes that they carry."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

_READABLE = (
    "organization",
    "customers",
    "products",
    "tax_rates",
    "number_series",
    "invoices",
    "payments",
    "credit_notes",
    "reports",
    "events",
)
_CONFIDENTIAL = ("users", "api_keys", "audit_log")
_BOOKKEEPING = ("customers", "products", "tax_rates", "invoices", "payments", "credit_notes")
_ADMINISTRATION = ("organization", "users", "api_keys", "number_series")


def _scopes(names: Iterable[str], deed: str) -> frozenset[str]:
    return frozenset(f"{name}:{deed}" for name in names)


_VIEWER = _scopes(_READABLE, "read")
_ACCOUNTANT = _VIEWER | _scopes(_BOOKKEEPING, "write")
_ADMIN = _ACCOUNTANT | _scopes(_CONFIDENTIAL, "read") | _scopes(_ADMINISTRATION, "write")

ROLES: dict[str, frozenset[str]] = {
    "viewer": _VIEWER,
    "accountant": _ACCOUNTANT,
    "admin": _ADMIN,
    # What only owners may do is to make, and unmake, owners.
    "owner": _ADMIN | {"owners:write"},
}
"""Each role with its scopes, from the least to the most; no two roles have the same."""

SCOPES: frozenset[str] = ROLES["owner"]
"""Every scope that there is."""

GOVERNING = frozenset({"users:write", "api_keys:write", "organization:write", "owners:write"})
"""The scopes by which somebody decides what others may do, and to which bank account the organization is paid."""

SCOPE_OF: dict[str, str] = {
    "api_key": "api_keys:read",
    "credit_note": "credit_notes:read",
    "customer": "customers:read",
    "invitation": "users:read",
    "invoice": "invoices:read",
    "number_series": "number_series:read",
    "organization": "organization:read",
    "payment": "payments:read",
    "product": "products:read",
    "refund": "payments:read",
    "session": "users:read",
    "tax_rate": "tax_rates:read",
    "user": "users:read",
}
"""Each kind of object that events are about, with the scope that reads it: who may not read the object is not told what
happens to it either."""

NO_ROLE = ""
"""What a session carries in place of a role while it opens nothing but its user's own account: they must take up a
second factor first."""

_ROLE_OF = {scopes: role for role, scopes in ROLES.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Principal:
    """Whom a credential speaks for, and how far it reaches. Each is itself alone, so that what was found out about one
    can be remembered by it."""

    organization_id: uuid.UUID
    actor_type: str
    """`user` or `api_key`."""
    actor_id: uuid.UUID
    scopes: frozenset[str]
    session_id: uuid.UUID | None = None
    client_id: str | None = None

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of objects whose events it is shown."""
        return frozenset(kind for kind, scope in SCOPE_OF.items() if self.may(scope))

    @property
    def is_limited(self) -> bool:
        """Whether it is a user who must take up a second factor before anything else opens."""
        return self.actor_type == "user" and not self.scopes


def scope_text(role: str) -> str:
    """The scopes of a role as OAuth 2 writes them: sorted, a space between (RFC 6749, section 3.3); none of NO_ROLE."""
    return "" if role == NO_ROLE else " ".join(sorted(ROLES[role]))


def role_of(scopes: Iterable[str]) -> str | None:
    """The role that carries exactly these scopes, or None."""
    return _ROLE_OF.get(frozenset(scopes))
