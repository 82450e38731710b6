"""What a service in production writes: one JSON object a line on both outputs, and nothing secret or personal."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy.engine import make_url

from billing_api.embedded import Addresses
from config import ROOT, Config
from tests.factories import line
from tests.service_processes import COMMAND, await_end, eventually, family, free_port, running

CANARY = "canary7Qx"
EMAIL = f"{CANARY}@example.com"
PASSWORD = f"{CANARY} is a long enough password"


@dataclass
class Production:
    """`billing-api serve` as in production, with its two outputs in files."""

    process: "subprocess.Popen[bytes]"
    port: int
    outputs: tuple[Path, Path]
    secrets: set[str] = field(default_factory=set)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {"Content-Type": "application/json"} if body is not None else {}
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body), {**kind, **given})
            answer = connection.getresponse()
            content = answer.read()
        is_json = "json" in answer.getheader("Content-Type", "")
        return answer.status, json.loads(content) if is_json else {"text": content.decode()}

    def send_bytes(self, content: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                return connection.recv(65536)
        return b""

    def lines(self) -> list[str]:
        return [line for output in self.outputs for line in output.read_text().split("\n") if line]

    def workers(self) -> set[int]:
        parents = running()
        masters = {pid for pid, parent in parents.items() if parent == self.process.pid}
        return {pid for pid, parent in parents.items() if parent in masters}

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.send("GET", "/health/ready")[0] == 200
        return False


@pytest.fixture(scope="module")
def production(config: Config, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    place = tmp_path_factory.mktemp("production")
    outputs, port = (place / "stdout", place / "stderr"), free_port()
    settings = {
        "BILLING_ENV": "production",
        "BILLING_BIND": "127.0.0.1",
        "BILLING_SECRET_KEY": f"{CANARY}-secret-key-of-more-than-32-bytes",
        "BILLING_JWT_KEYS": str(config.jwt_keys),
        "BILLING_PUBLIC_URL": "https://billing.example.com",
        "BILLING_DRAIN_SECONDS": "0",
        "BILLING_METRICS_TOKEN": f"{CANARY}-metrics",
        "INSTANCE": str(place / "instance"),
        "PORT": str(port),
        "WORKERS": "1",
        "DATABASE_URL": str(config.database_url),
        "MIGRATION_DATABASE_URL": str(config.migration_database_url),
    }
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    with outputs[0].open("wb") as stdout, outputs[1].open("wb") as stderr:
        process = subprocess.Popen(
            [*COMMAND, "serve"], env=kept | settings, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
    service = Production(process, port, outputs)
    for url in (config.database_url, config.migration_database_url):
        service.secrets.add(str(make_url(str(url)).password))
    try:
        assert eventually(lambda: service.is_ready() or process.poll() is not None, 60)
        assert process.poll() is None, service.lines()
        yield service
    finally:
        members = family(process.pid)
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            process.wait(20)
        await_end(members, 10)


def live_a_day(service: Production) -> None:
    """All that a client does, and much that it should not, with the canary wherever there is room for it."""
    founder = {"organization_name": CANARY, "country": "DE", "currency": "EUR", "name": CANARY, "email": EMAIL}
    status, grant = service.send("POST", "/v1/auth/sign-up", {**founder, "password": PASSWORD}, Referer=CANARY)
    assert status == 201, grant
    service.secrets |= {grant["access_token"], grant["refresh_token"]}
    mine = {"Authorization": f"Bearer {grant['access_token']}", "Idempotency_Key": f"{CANARY}-key", "Cookie": CANARY}
    status, again = service.send("POST", "/v1/auth/refresh", {"refresh_token": grant["refresh_token"]})
    assert status == 200
    service.secrets |= {again["access_token"], again["refresh_token"]}
    customer = {"name": CANARY, "email": EMAIL, "external_id": CANARY, "metadata": {CANARY: CANARY}}
    assert service.send("POST", "/v1/customers", customer, **mine)[0] == 201
    assert service.send("POST", "/v1/customers", {"name": CANARY}, **mine)[0] == 422
    mine.pop("Idempotency_Key")
    assert service.send("POST", "/v1/customers", customer, **mine)[0] == 409
    assert service.send("GET", f"/v1/customers?email={EMAIL}", **mine)[0] == 200
    assert service.send("PUT", f"/v1/customers/by-external-id/{CANARY}", {"name": CANARY}, **mine)[0] == 200
    draft = {"lines": [line(description=CANARY)], "notes": CANARY}
    assert service.send("POST", "/v1/invoices/preview", draft, **mine)[0] == 200
    assert service.send("POST", "/v1/customers", {CANARY: CANARY, "email": CANARY}, **mine)[0] == 422
    assert service.send("POST", "/v1/auth/login", {"email": EMAIL, "password": CANARY})[0] == 401
    assert service.send("GET", f"/{CANARY}?{CANARY}={CANARY}", **mine)[0] == 404
    for header in ("Authorization", "X_API_Key", "X_Request_Id", "traceparent", "User_Agent", "Origin", "Forwarded"):
        assert service.send("GET", "/v1/me", **{header: f"Bearer {CANARY} {CANARY}"})[0] == 401
    assert service.send(CANARY.upper(), "/v1/me", **mine)[0] == 405
    assert service.send("POST", f"/v1/invoices/{CANARY}/finalize", None, **mine)[0] == 404


def be_rude(service: Production) -> None:
    """What gunicorn itself refuses, and says so."""
    for content in (
        f"{CANARY}\r\n\r\n",
        f"GET /{CANARY} HTTP/9.9\r\n\r\n",
        f"GET /?email={EMAIL} HTTP/1.1\r\nHost: x\r\n{CANARY}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nBad {CANARY}: x\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {CANARY}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {CANARY}\r\n\r\n",
        f"GET /{CANARY * 2000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX: {CANARY * 9000}\r\n\r\n",
        f"\x16\x03\x01 {CANARY}\n\n",
    ):
        service.send_bytes(content.encode("latin-1"))


def test_every_line_is_one_json_object_and_none_tells_a_secret(production: Production, addresses: Addresses) -> None:
    live_a_day(production)
    be_rude(production)
    with contextlib.closing(psycopg2.connect(addresses.superuser.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
        connection.cursor().execute(query, [make_url(addresses.service).username])
    production.send("POST", "/v1/auth/login", {"email": EMAIL, "password": PASSWORD})
    for pid in production.workers():
        os.kill(pid, signal.SIGKILL)
    assert eventually(production.is_ready, 30)
    production.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: any("Handling signal: hup" in line for line in production.lines()), 30)
    assert eventually(production.is_ready, 30)

    events = [json.loads(line) for line in production.lines()]
    assert all(isinstance(event, dict) and {"event", "level", "timestamp"} <= event.keys() for event in events)
    text = "\n".join(production.lines())
    for secret in {CANARY, CANARY.upper(), EMAIL, PASSWORD, *production.secrets}:
        assert secret not in text, re.findall(rf".*{re.escape(secret)}.*", text)[:3]
    assert sum(event["event"] == "request" for event in events) > 20
    assert any(event.get("logger", "").startswith("gunicorn") for event in events), (
        "gunicorn's own lines are among them"
    )


def test_nothing_greets_anybody_in_production(production: Production) -> None:
    text = "\n".join(production.lines())
    for word in ("Ctrl-C", "Stopped.", "curl", "Demo login", "Access token", "demo@"):
        assert word not in text


def test_a_line_says_what_operators_need(production: Production) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    production.send("GET", "/v1/me", X_Request_Id="find-me", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert eventually(lambda: any("find-me" in line for line in production.lines()))
    event = next(json.loads(line) for line in production.lines() if "find-me" in line)
    assert event["event"] == "request"
    assert (event["method"], event["route"], event["status"], event["level"]) == ("GET", "/v1/me", 401, "info")
    assert (event["request_id"], event["trace_id"]) == ("find-me", trace)
    assert event["ms"] >= 0
    assert time.strptime(event["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")


def series(service: Production) -> set[str]:
    """The names and labels of all that is counted for requests."""
    status, answer = service.send("GET", "/metrics", Authorization=f"Bearer {CANARY}-metrics")
    assert status == 200
    return {line.rpartition(" ")[0] for line in answer["text"].splitlines() if line.startswith("billing_request")}


def test_what_clients_make_up_does_not_make_new_counters(production: Production) -> None:
    def volley(salt: str) -> None:
        for method, path in (
            ("GET", f"/{salt}"),
            ("GET", f"/v1/customers/{salt}"),
            ("GET", f"/problems/{salt}"),
            (f"A{salt}", "/"),
            (f"B{salt}", f"/v1/{salt}"),
            ("PUT", f"/v1/customers/by-external-id/{salt}"),
            ("GET", f"/v1/customers?{salt}={salt}"),
        ):
            production.send(method, path, X_Request_Id=salt, User_Agent=salt)

    # gunicorn itself refuses a method of less than three characters, or with small letters.
    volley("FIRST")
    volley(f"{CANARY}0")
    series(production)
    before = series(production)
    assert any('method="other"' in name for name in before)
    assert any('route="unknown"' in name for name in before)
    for salt in range(1, 15):
        volley(f"{CANARY}{salt}")
    after = series(production)
    assert after == before
    assert CANARY.upper() not in str(after).upper()
