"""Ways to what is told of those who come in: logins, sessions, second factors, invitations, keys."""

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.auth import lockout
from tests.factories import FACTOR, PASSWORD, Tenant, created, login, mailed, refresh
from tests.problems.scene import Scene, Way, asking

KEYS, INVITATIONS, TOKEN = "/v1/api-keys", "/v1/invitations", "/v1/auth/token"
NEW = "another rather long one"
SIGN_UP = {"organization_name": "New", "country": "DE", "currency": "EUR", "name": "Ada", "password": PASSWORD}


def key(tenant: Tenant, *scopes: str, **members: Any) -> dict[str, Any]:
    return created(tenant.post(KEYS, {"name": "Shop", "scopes": scopes, **members}))


def by_key(scene: Scene, *scopes: str, **members: Any) -> tuple[FlaskClient, dict[str, str]]:
    return scene.client, {"X-API-Key": key(scene.tenant, *scopes, **members)["secret"]}


def outliving(scene: Scene) -> TestResponse:
    client, headers = by_key(scene, "api_keys:write", expires_at="2999-01-01T00:00:00Z")
    return client.post(KEYS, json={"name": "y", "scopes": ["api_keys:write"]}, headers=headers)


def key_at_own_account(scene: Scene) -> TestResponse:
    client, headers = by_key(scene, "events:read")
    return client.get("/v1/me/sessions", headers=headers)


def key_beyond_its_maker(scene: Scene) -> TestResponse:
    return scene.tenant.colleague("admin").post(KEYS, {"name": "x", "scopes": ["owners:write"]})


def of_client(**form: str) -> Way:
    """The door of OAuth 2, which answers in a form of its own."""

    def way(scene: Scene) -> TestResponse:
        shop = key(scene.tenant, "customers:read")
        known = {"grant_type": "client_credentials", "client_id": shop["id"], "client_secret": shop["secret"]}
        return scene.client.post(TOKEN, data={**known, **form})

    return way


def signing_up(**members: str) -> Way:
    return lambda scene: scene.client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": scene.somebody(), **members})


def registered(scene: Scene) -> TestResponse:
    return signing_up(email=scene.tenant.email)(scene)


def where_it_is_closed(scene: Scene) -> TestResponse:
    scene.patch.setitem(scene.app.config, "BILLING_SIGN_UP", "closed")
    return signing_up()(scene)


def new_password(current: str, new: str) -> Way:
    body = {"current_password": current, "new_password": new}
    return lambda scene: scene.tenant.colleague("viewer").put("/v1/me/password", body)


def used_twice(scene: Scene) -> TestResponse:
    person = scene.tenant.colleague("viewer")
    return [refresh(scene.client, person.refresh_token) for _ in range(2)][-1]


def invite(scene: Scene, email: str, role: str = "viewer") -> TestResponse:
    return scene.tenant.post(INVITATIONS, {"email": email, "role": role})


def accepted(scene: Scene) -> tuple[str, str]:
    """The path of an invitation that was accepted, and whom it was for."""
    email = scene.somebody()
    invitation = created(invite(scene, email))
    body = {"token": mailed(scene.tenant, email), "name": "Grace", "password": PASSWORD}
    created(scene.client.post("/v1/auth/accept-invitation", json=body))
    return invitation["links"]["self"], email


def taken_back_too_late(scene: Scene) -> TestResponse:
    return scene.tenant.delete(accepted(scene)[0])


def invited_though_here(scene: Scene) -> TestResponse:
    return invite(scene, scene.tenant.colleague("viewer").email)


def invited_twice(scene: Scene) -> TestResponse:
    email = scene.somebody()
    return [invite(scene, email) for _ in range(2)][-1]


def invited_again_and_again(scene: Scene) -> TestResponse:
    invitation = created(invite(scene, scene.somebody()))["links"]["self"]
    return [scene.tenant.post(f"{invitation}/resend") for _ in range(3)][-1]


def to_a_higher_role(scene: Scene) -> TestResponse:
    admin = scene.tenant.colleague("admin")
    return admin.patch(f"/v1/users/{admin.user_id}", {"role": "owner"})


def alone_at_the_top(scene: Scene) -> TestResponse:
    owner = scene.alone()
    return owner.patch(f"/v1/users/{owner.user_id}", {"role": "viewer"})


def armed(scene: Scene) -> Tenant:
    person = scene.tenant.colleague("owner")
    person.second_factor()
    return person


def own_factor_taken(scene: Scene) -> TestResponse:
    person = armed(scene)
    return person.delete(f"/v1/users/{person.user_id}/second-factor")


def factor_that_is_none(scene: Scene) -> TestResponse:
    return scene.tenant.delete(f"/v1/users/{scene.tenant.colleague('viewer').user_id}/second-factor")


def second_factor_again(scene: Scene) -> TestResponse:
    return armed(scene).post(FACTOR, {"password": PASSWORD})


def not_begun(scene: Scene) -> TestResponse:
    return scene.tenant.colleague("viewer").post(f"{FACTOR}/verify", {"code": "000000"})


def wrong_code(scene: Scene) -> TestResponse:
    return armed(scene).post(f"{FACTOR}/disable", {"password": PASSWORD, "code": "000000"})


def factor_is_demanded(scene: Scene) -> tuple[Tenant, Tenant]:
    """An owner who demands it, and a person who has come in since."""
    owner = scene.alone()
    person = owner.colleague("accountant")
    owner.second_factor()
    assert owner.patch("/v1/organization", {"require_second_factor": True}).status_code == 200
    person.access_token = login(scene.client, person.email).json["access_token"]
    return owner, person


def without_demanded_factor(scene: Scene) -> TestResponse:
    return factor_is_demanded(scene)[1].get("/v1/customers")


def demanded_factor_laid_down(scene: Scene) -> TestResponse:
    _, person = factor_is_demanded(scene)
    device = person.second_factor()
    return person.post(f"{FACTOR}/disable", {"password": PASSWORD, "code": device.recovery_codes[0]})


def guessing(scene: Scene) -> TestResponse:
    email = scene.somebody()
    return [login(scene.client, email, "wrong") for _ in range(lockout.WINDOW.most + 1)][-1]


def guessing_codes(scene: Scene) -> TestResponse:
    """In an open session, and at the door where the session's guesses count too."""
    person, wrong = armed(scene), {"password": PASSWORD, "code": "000000"}
    for _ in range(lockout.WINDOW.most):
        person.post(f"{FACTOR}/disable", wrong)
    return login(scene.client, person.email, code="000000")


WAYS: dict[str, Way] = {
    "email-registered": registered,
    "expiry-beyond-maker": outliving,
    "expiry-in-past": asking(
        "POST", KEYS, {"name": "x", "scopes": ["events:read"], "expires_at": "2020-01-01T00:00:00Z"}
    ),
    "insufficient-scope": lambda scene: scene.tenant.colleague("viewer").post("/v1/customers", {"name": "A"}),
    "invalid-client": of_client(client_secret="wrong"),
    "invalid-credentials": lambda scene: login(scene.client, scene.somebody(), "wrong"),
    "invalid-invitation": lambda scene: scene.client.post(
        "/v1/auth/accept-invitation", json={"token": "x", "name": "x", "password": PASSWORD}
    ),
    "invalid-password-reset": lambda scene: scene.client.post(
        "/v1/auth/password-reset/confirm", json={"token": "x", "password": NEW}
    ),
    "invalid-refresh-token": lambda scene: refresh(scene.client, "rt_x"),
    "invalid-scope": of_client(scope="invoices:write"),
    "invitation-accepted": taken_back_too_late,
    "invitation-pending": invited_twice,
    "last-owner": alone_at_the_top,
    "name-not-confirmed": asking("POST", "/v1/organization/close", {"name": "Another"}),
    "needs-person": key_at_own_account,
    "own-second-factor": own_factor_taken,
    "password-too-long": signing_up(password="\ufdfa" * 100),
    "password-too-weak": signing_up(password="passwordpassword"),
    "password-unchanged": new_password(PASSWORD, PASSWORD),
    "refresh-token-reused": used_twice,
    "role-out-of-reach": to_a_higher_role,
    "scope-not-held": key_beyond_its_maker,
    "second-factor-enrolled": second_factor_again,
    "second-factor-enrolment-required": without_demanded_factor,
    "second-factor-not-begun": not_begun,
    "second-factor-not-enrolled": factor_that_is_none,
    "second-factor-refused": lambda scene: login(scene.client, armed(scene).email, code="000000"),
    "second-factor-required": lambda scene: login(scene.client, armed(scene).email),
    "second-factor-required-here": demanded_factor_laid_down,
    "sign-up-closed": where_it_is_closed,
    "too-many-attempts": guessing,
    "too-many-codes": guessing_codes,
    "too-many-invitations": invited_again_and_again,
    "unsupported-grant-type": of_client(grant_type="password"),
    "user-exists": invited_though_here,
    "wrong-code": wrong_code,
    "wrong-password": new_password("wrong", NEW),
}
