"""A stop while clients write: what was sent is answered, and what was answered stands in the database."""

import http.client
import itertools
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from flask import Flask

from config import Config
from tests.factories import Tenant
from tests.live_service import CUT_OFF, Reply, serving, timed
from tests.races import Ledger
from tests.service_processes import await_end, eventually, family


def test_a_stop_under_load_answers_every_request_that_was_sent(
    config: Config, app: Flask, tenant: Tenant, ledger: Ledger, tmp_path: Path
) -> None:
    """Half of the clients keep their connections, the others open one for each request."""
    with serving(config, tmp_path / "log", BILLING_DRAIN_SECONDS="1") as service:
        members = family(service.process.pid)
        numbers = itertools.count()

        def work(keeps_connection: bool) -> tuple[list[str], list[str]]:
            made, unanswered = [], []
            while True:
                connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
                try:
                    connection.connect()
                except OSError:
                    return made, unanswered
                with closing(connection):
                    try:
                        while reply := post(connection, tenant, f"Customer {next(numbers)}"):
                            assert reply.status == 201, reply.content
                            made.append(reply.json["id"])
                            if not keeps_connection or reply.headers.get("Connection", "").lower() == "close":
                                break
                    except CUT_OFF as error:
                        unanswered.append(repr(error))

        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(work, n % 2 == 0) for n in range(8)]
            time.sleep(1)
            service.process.send_signal(signal.SIGTERM)
            assert eventually(lambda: timed(service.port, "/health/ready", {}, 5)[0] == 503, 1)
            assert timed(service.port, "/health/live", {}, 5)[0] == 200
            results = [future.result(60) for future in futures]
        assert await_end(members, 25) == set()
        assert not service.is_listening()
    made = [id for ids, _ in results for id in ids]
    print(f"{len(made)} customers made while it was stopped")
    assert [error for _, errors in results for error in errors] == []
    rows = ledger.rows("SELECT id FROM customers WHERE organization_id = %s")
    assert sorted(str(id) for (id,) in rows) == sorted(made)


def post(connection: http.client.HTTPConnection, tenant: Tenant, name: str) -> Reply:
    headers = {**tenant.headers, "Content-Type": "application/json"}
    connection.request("POST", "/v1/customers", f'{{"name": "{name}"}}', headers)
    answer = connection.getresponse()
    return Reply(answer.status, dict(answer.headers), answer.read())
