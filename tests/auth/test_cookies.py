"""Sessions in cookies: what a page in a browser gets, and that no other page can use it."""

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.web import cookies
from tests.factories import PASSWORD, Tenant, sign_up

ORIGIN = "https://app.example.com"


class Page:
    """A page in a browser: its client keeps the cookies, as a browser does where the service is reached over TLS."""

    def __init__(self, app: Flask, email: str) -> None:
        self.client = app.test_client()
        self.email = email
        answer = self.log_in()
        self.csrf = answer.json["csrf_token"]
        self.first = answer

    def log_in(self) -> TestResponse:
        body = {"email": self.email, "password": PASSWORD, "session": "cookie"}
        answer = self.client.post("/v1/auth/login", json=body, base_url="https://localhost")
        assert answer.status_code == 200, answer.text
        return answer

    def send(self, method: str, path: str, body: object = None, **headers: str) -> TestResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(path, method=method, json=body, headers=given, base_url="https://localhost")

    def write(self, method: str, path: str, body: object = None) -> TestResponse:
        return self.send(method, path, body, X_CSRF_Token=self.csrf)

    def cookie(self, name: str, path: str = "/") -> str:
        found = self.client.get_cookie(name, "localhost", path)
        assert found
        return found.value


@pytest.fixture
def page(app: Flask, tenant: Tenant) -> Page:
    return Page(app, tenant.email)


def test_a_page_whose_session_has_ended_is_told_of_its_cookies(app: Flask, page: Page) -> None:
    assert Page(app, page.email).write("DELETE", "/v1/me/sessions").status_code == 204
    answer = page.send("GET", "/v1/me")
    assert answer.status_code == 401
    assert answer.json["detail"].startswith("The session of the cookies has ended")


def test_the_tokens_are_in_cookies_that_no_script_reads_and_nowhere_else(page: Page) -> None:
    grant, set_cookies = page.first.json, page.first.headers.getlist("Set-Cookie")
    assert (grant["access_token"], grant["refresh_token"]) == (None, None)
    by_name = {text.partition("=")[0]: text for text in set_cookies}
    assert by_name.keys() == {"billing_access", "billing_refresh", "billing_csrf"}
    for name, text in by_name.items():
        attributes = {part.strip().partition("=")[0] for part in text.split(";")[1:]}
        assert {"Secure", "SameSite", "Max-Age", "Path"} <= attributes
        assert ("HttpOnly" in attributes) == (name != "billing_csrf")
        assert "SameSite=Strict" in text
        assert "Domain" not in attributes
    assert "Path=/v1/auth" in by_name["billing_refresh"]


def test_over_tls_the_names_are_bound_to_this_host(app: Flask, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "BILLING_PUBLIC_URL", "https://billing.example.com")
    page = Page(app, tenant.email)
    names = {text.partition("=")[0] for text in page.first.headers.getlist("Set-Cookie")}
    assert names == {"__Host-billing_access", "__Secure-billing_refresh", "__Host-billing_csrf"}
    assert page.write("POST", "/v1/customers", {"name": "x"}).status_code == 201
    assert page.write("POST", "/v1/auth/refresh").status_code == 200


def test_a_page_reads_and_writes_with_its_cookies(page: Page, tenant: Tenant) -> None:
    me = page.send("GET", "/v1/me")
    assert (me.status_code, me.json["user"]["id"]) == (200, str(tenant.user_id))
    assert me.json["credential"]["type"] == "cookie"
    assert me.json["credential"]["csrf_token"] == page.csrf
    assert page.write("POST", "/v1/customers", {"name": "x"}).status_code == 201


def forged(page: Page, app: Flask) -> Iterator[tuple[str, str]]:
    """What another page might send along."""
    yield "nothing", ""
    yield "a guess", "x"
    yield "letters beyond ASCII", "é"
    yield "a session id", page.send("GET", "/v1/me").json["credential"]["session_id"]
    yield "one that is good for another session", Page(app, sign_up(app).email).csrf
    yield "one that is cut", page.csrf[:-1]


def test_a_write_that_no_page_of_the_session_has_sent_is_refused(app: Flask, page: Page) -> None:
    for what, token in forged(page, app):
        for method, path, body in (
            ("POST", "/v1/customers", {"name": "x"}),
            ("PATCH", "/v1/organization", {"phone": "1"}),
            ("DELETE", "/v1/me/sessions", None),
            ("PUT", "/v1/me/password", {"current_password": PASSWORD, "new_password": PASSWORD}),
            ("POST", "/v1/auth/refresh", None),
            ("POST", "/v1/auth/logout", None),
        ):
            answer = page.send(method, path, body, X_CSRF_Token=token)
            assert (answer.status_code, answer.json["code"]) == (403, "csrf-token-mismatch"), (what, path)
    assert page.write("POST", "/v1/customers", {"name": "x"}).status_code == 201


def test_a_pair_that_somebody_planted_does_not_fit_the_session(app: Flask, page: Page) -> None:
    """From a neighbouring subdomain: header and cookie agree, and are even good, for a session of the attacker."""
    theirs = Page(app, sign_up(app).email).csrf
    page.client.set_cookie("billing_csrf", theirs, domain="localhost")
    for path, body in (("/v1/customers", {"name": "x"}), ("/v1/auth/refresh", None)):
        answer = page.send("POST", path, body, X_CSRF_Token=theirs)
        assert (answer.status_code, answer.json["code"]) == (403, "csrf-token-mismatch")
    assert page.send("GET", "/v1/me").status_code == 200


def test_the_planted_pair_is_taken_where_the_session_is_not_compared(
    app: Flask, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above does not sleep."""
    monkeypatch.setattr(cookies, "check", lambda _: cookies.claimed_session())
    theirs = Page(app, sign_up(app).email).csrf
    page.client.set_cookie("billing_csrf", theirs, domain="localhost")
    assert page.send("POST", "/v1/customers", {"name": "x"}, X_CSRF_Token=theirs).status_code == 201


def test_a_token_that_anybody_made_up_is_signed_by_nobody(page: Page) -> None:
    for made_up in (f'"{uuid.uuid4()}".x', "e30", '"x"'):
        page.client.set_cookie("billing_csrf", made_up, domain="localhost")
        assert page.send("POST", "/v1/customers", {"name": "x"}, X_CSRF_Token=made_up).status_code == 403


def test_a_refresh_by_cookie_gives_new_cookies_and_the_old_ones_are_spent(app: Flask, page: Page) -> None:
    spent = page.cookie("billing_refresh", "/v1/auth")
    answer = page.write("POST", "/v1/auth/refresh")
    assert (answer.status_code, answer.json["refresh_token"]) == (200, None)
    assert answer.json["csrf_token"] == page.csrf
    assert page.cookie("billing_refresh", "/v1/auth") != spent
    assert page.send("GET", "/v1/me").status_code == 200


def test_what_is_in_a_cookie_cannot_be_had_in_a_body_and_the_other_way_round(page: Page, tenant: Tenant) -> None:
    hidden = page.cookie("billing_refresh", "/v1/auth")
    answer = page.client.post("/v1/auth/refresh", json={"refresh_token": hidden})
    assert (answer.status_code, answer.json["code"]) == (401, "invalid-refresh-token")
    page.client.set_cookie("billing_refresh", tenant.refresh_token, domain="localhost", path="/v1/auth")
    answer = page.write("POST", "/v1/auth/refresh")
    assert (answer.status_code, answer.json["code"]) == (401, "invalid-refresh-token")


def test_a_refresh_without_any_token_says_what_it_lacks(client: FlaskClient) -> None:
    answer = client.post("/v1/auth/refresh", json={})
    assert [(fault["pointer"], fault["code"]) for fault in answer.json["errors"]] == [("/refresh_token", "required")]


def test_logging_out_ends_the_session_and_removes_the_cookies(page: Page) -> None:
    access = page.cookie("billing_access")
    answer = page.write("POST", "/v1/auth/logout")
    assert answer.status_code == 204
    assert page.client.get_cookie("billing_access", "localhost", "/") is None
    assert page.client.get_cookie("billing_refresh", "localhost", "/v1/auth") is None
    assert page.client.get("/v1/me", headers={"Authorization": f"Bearer {access}"}).status_code == 401


def test_a_new_password_gives_a_page_new_cookies(page: Page) -> None:
    body = {"current_password": PASSWORD, "new_password": f"{PASSWORD} 2"}
    answer = page.write("PUT", "/v1/me/password", body)
    assert (answer.status_code, answer.json["access_token"]) == (200, None)
    assert answer.json["csrf_token"] != page.csrf
    assert page.send("GET", "/v1/me").status_code == 200


def test_cookies_are_not_looked_at_beside_another_credential(page: Page, other: Tenant) -> None:
    answer = page.send("GET", "/v1/me", Authorization=f"Bearer {other.access_token}")
    assert answer.json["user"]["id"] == str(other.user_id)
    written = page.send("POST", "/v1/customers", {"name": "x"}, Authorization=f"Bearer {other.access_token}")
    assert written.status_code == 201
    assert page.send("GET", "/v1/me", Authorization="Bearer x").status_code == 401
    assert page.send("GET", "/v1/me", X_API_Key="bk_x").status_code == 401


def test_a_forged_cookie_is_refused_like_a_forged_token(page: Page) -> None:
    page.client.set_cookie("billing_access", page.cookie("billing_access")[:-4] + "AAAA", domain="localhost")
    assert page.send("GET", "/v1/me").status_code == 401


def test_only_a_page_that_was_named_may_send_cookies_along(client: FlaskClient) -> None:
    named = client.get("/v1/me", headers={"Origin": ORIGIN}).headers
    assert (named["Access-Control-Allow-Origin"], named["Access-Control-Allow-Credentials"]) == (ORIGIN, "true")
    for origin in ("https://evil.example.com", "null", f"{ORIGIN}.evil.com", "https://app.example.com:444"):
        headers = client.get("/v1/me", headers={"Origin": origin}).headers
        assert "Access-Control-Allow-Origin" not in headers
        assert "Access-Control-Allow-Credentials" not in headers


def test_a_wildcard_never_lets_cookies_in(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "BILLING_CORS_ORIGINS", ("*",))
    headers = client.get("/v1/me", headers={"Origin": ORIGIN}).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers


def test_a_refused_request_sets_no_cookies(app: Flask, tenant: Tenant) -> None:
    body = {"email": tenant.email, "password": "another password", "session": "cookie"}
    answer = app.test_client().post("/v1/auth/login", json=body)
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (401, [])
