"""`/metrics`: for this machine alone, or for whoever bears the token where one is set."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.refusals import refused


def test_without_a_token_only_this_machine_reads_the_counters(client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 200
    refused(client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"}), 403, "forbidden")
    for name in ("Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"):
        refused(client.get("/metrics", headers={name: "127.0.0.1"}), 403, "forbidden")


def test_in_production_only_the_token_opens_the_counters(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "BILLING_ENV", "production")
    refused(client.get("/metrics"), 403, "forbidden")
    refused(client.get("/metrics", headers={"Authorization": "Bearer None"}), 403, "forbidden")
    monkeypatch.setitem(app.config, "BILLING_METRICS_TOKEN", "a secret")
    refused(client.get("/metrics"), 403, "forbidden")
    assert client.get("/metrics", headers={"Authorization": "Bearer a secret"}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_a_token_its_bearer_reads_them_from_anywhere(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setitem(app.config, "BILLING_METRICS_TOKEN", "a secret")
    far = {"REMOTE_ADDR": "192.0.2.1"}
    assert client.get("/metrics", headers={"Authorization": f"{scheme} a secret"}, environ_base=far).status_code == 200
    for wrong in (f"{scheme} a", f"{scheme}", "a secret", "Basic a secret", f"{scheme}  a secret", f"{scheme} \xe9"):
        refused(client.get("/metrics", headers={"Authorization": wrong}), 403, "forbidden")
    refused(client.get("/metrics"), 403, "forbidden")
