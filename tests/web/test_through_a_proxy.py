"""What a proxy and the service could hear differently is heard by neither: through nginx and through HAProxy."""

import os
import socket
from collections.abc import Iterator

import pytest
from flask import Flask

from config import Config
from tests.factories import Tenant
from tests.live_service import LiveService, serving
from tests.web.framing import AMBIGUOUS, CHUNKED, answered, chunked, head, volley
from tests.web.proxies import COMMANDS, installed, proxying


@pytest.fixture(scope="module")
def live(config: Config, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    with serving(
        config, tmp_path_factory.mktemp("behind") / "log", WORKERS="1", BILLING_TRUSTED_PROXIES="1"
    ) as service:
        yield service


@pytest.fixture(scope="module", params=COMMANDS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if installed(found) is None:
        assert "NEEDS_PROXIES" not in os.environ, f"{found} must be here"
        pytest.skip(f"{found} is not installed")
    return found


@pytest.fixture(scope="module")
def proxy(name: str, live: LiveService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    with proxying(name, live.port, tmp_path_factory.mktemp(name)) as started:
        yield started


REFUSED = [[400], [501]]
MENDED = {
    "haproxy": {
        "both, and the chunks hold": [[201]],
        "both, the chunks first": [[201]],
        "a folded line": [[201], [201, 200]],
    }
}
"""What a proxy makes one thing of before it passes it on, as it may (RFC 9112, sections 6.3 and 5.2), and the answers
to it: without the length that stood beside the chunks, after which it ends the connection; and in one line, after which
nothing is in doubt and the second request is one."""


def test_a_request_of_which_nobody_knows_the_end_is_not_heard_through_a_proxy(
    proxy: LiveService, name: str, tenant: Tenant
) -> None:
    """Plant the flaw by mending nothing, or by a proxy that looks at no request: `mode tcp`, and gunicorn's
    `permit_obsolete_folding`."""
    heard = 0
    for case in AMBIGUOUS:
        received = volley(proxy.port, tenant, case)
        mended = MENDED.get(name, {})
        assert answered(received) in mended.get(case, REFUSED), (case, received)
        heard += case in mended
        assert len(tenant.get("/v1/customers").json["data"]) == heard, case


def test_who_comes_next_through_a_proxy_gets_their_own_answer(proxy: LiveService, tenant: Tenant) -> None:
    """On a connection to the service that it shares with whoever was there before. Plant the flaw by sending another id
    than is looked for."""
    own = {"Authorization": f"Bearer {tenant.access_token}"}
    for number, case in enumerate(AMBIGUOUS):
        volley(proxy.port, tenant, case)
        for path, status in (("/v1/nothing", 404), ("/v1/organization", 200)):
            answer = proxy.send("GET", path, headers={**own, "X-Request-Id": f"next-{number}-{status}"})
            headers = {word.lower(): value for word, value in answer.headers.items()}
            assert (answer.status, headers["x-request-id"]) == (status, f"next-{number}-{status}"), case


def test_what_is_beyond_doubt_passes_a_proxy(proxy: LiveService, tenant: Tenant) -> None:
    """Or all of the above would be refused by a proxy that lets nothing through."""
    own = {"Authorization": f"Bearer {tenant.access_token}"}
    assert proxy.send("POST", "/v1/customers", {"name": "x"}, own).status == 201
    content = head(tenant, CHUNKED) + chunked(b'{"name"', b': "in chunks"}')
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(content)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answered(received) == [201], received
