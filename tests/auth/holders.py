"""Those who hold another credential than an access token of a session, and call as a tenant does."""

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from billing_api.domain.access import ROLES
from tests.factories import PASSWORD, Tenant, created


@dataclass
class ByCookie(Tenant):
    """A page in a browser: an owner whose tokens are in cookies."""

    csrf_token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"X-CSRF-Token": self.csrf_token}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            path, method=method, json=body, headers={**self.headers, **given}, base_url="https://localhost"
        )


@dataclass
class ByKey(Tenant):
    """A service with a key."""

    secret: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.secret}


def _key(owner: Tenant, scopes: tuple[str, ...]) -> dict[str, Any]:
    return created(owner.post("/v1/api-keys", {"name": "A shop", "scopes": scopes or sorted(ROLES["owner"])}))


def by_cookie(owner: Tenant) -> ByCookie:
    """Another owner of the organization, in a browser."""
    person = owner.colleague("owner")
    page = ByCookie(owner.app, owner.organization_id, person.user_id, person.email, "", "")
    body = {"email": person.email, "password": PASSWORD, "session": "cookie"}
    page.csrf_token = page.call("POST", "/v1/auth/login", body).json["csrf_token"]
    return page


def by_key(owner: Tenant, *scopes: str) -> ByKey:
    """A service whose key has these scopes, or every one that there is."""
    key = _key(owner, scopes)
    return ByKey(owner.app, owner.organization_id, owner.user_id, owner.email, "", "", secret=key["secret"])


def by_client(owner: Tenant, *scopes: str) -> Tenant:
    """A service with a token that it got for its key as an OAuth 2 client."""
    key = _key(owner, scopes)
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}
    token = owner.app.test_client().post("/v1/auth/token", data=form).json["access_token"]
    return Tenant(owner.app, owner.organization_id, owner.user_id, owner.email, token, "")
