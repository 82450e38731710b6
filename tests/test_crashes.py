"""What dies under load: workers, and the database itself, of a server of its own that syncs what it commits."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import pytest
from flask import Flask
from flask_migrate import upgrade

from billing_api.embedded import Addresses, EmbeddedPostgres
from billing_api.postgres_cluster import connect
from config import Config
from tests.factories import sign_up
from tests.journal import CUT, Journal
from tests.live_service import LiveService, serving
from tests.schema import application, connected
from tests.service_processes import an_instance, eventually

STRESS = bool(os.environ.get("STRESS"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize(
    ("kills", "seconds"), [(2, 3), pytest.param(*((50, 120) if STRESS else (8, 20)), marks=pytest.mark.slow)]
)
def test_workers_die_under_load_and_every_entry_has_its_one_effect(
    live: LiveService, app: Flask, addresses: Addresses, kills: int, seconds: int
) -> None:
    """Plant the flaw by storing the reply behind the transaction of its effect, or by a key that nobody locks."""
    journal, chance = Journal(live, [sign_up(app) for _ in range(3)], SEED), random.Random(SEED)
    with journal.load():
        for _ in range(kills):
            time.sleep(seconds / kills)
            assert eventually(lambda: len(live.workers()) > 0, 30)
            os.kill(chance.choice(sorted(live.workers())), signal.SIGKILL)
    print(f"{kills} workers killed in {seconds} s")
    assert journal.seen.keys() <= {200, 201, 409, 503, CUT}
    assert eventually(lambda: len(live.workers()) == 2, 30)
    journal.check(addresses.owner)


@dataclass
class Own:
    """A service on a server of its own, which may be killed."""

    app: Flask
    live: LiveService
    server: EmbeddedPostgres

    def let_stand(self, seconds: float) -> None:
        """Look after the database for so long, as the supervisor does; one that lasts is not one that keeps dying."""
        assert not eventually(self.server.revive, seconds)

    def kill_the_database(self) -> float:
        """Kill it as a power cut would, start it again, and say at which moment it answered."""
        os.kill(int((self.server.addresses.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert eventually(lambda: self.server.poll() is not None)
        assert eventually(self._is_back, 60)
        return time.monotonic()

    def _is_back(self) -> bool:
        self.server.revive()
        try:
            connect(self.server.addresses.owner).close()
        except psycopg2.OperationalError:
            return False
        return True


@pytest.fixture
def own(config: Config, tmp_path: Path) -> Iterator[Own]:
    with ExitStack() as stack:
        instance = stack.enter_context(an_instance(tmp_path))
        server = EmbeddedPostgres(instance)
        stack.callback(server.stop)
        addresses = server.start()
        app = stack.enter_context(application(config, addresses, instance))
        with app.app_context():
            upgrade()
        theirs = replace(
            config,
            jwt_keys=instance / "keys",
            database_url=addresses.service,
            migration_database_url=addresses.owner,
        )
        live = stack.enter_context(serving(theirs, tmp_path / "log"))
        yield Own(app, live, server)


@pytest.mark.parametrize(
    ("kills", "seconds"), [(1, 2), pytest.param(*((20, 120) if STRESS else (5, 30)), marks=pytest.mark.slow)]
)
def test_the_database_dies_under_load_and_nothing_acknowledged_is_lost(own: Own, kills: int, seconds: int) -> None:
    """`seconds` are those of load between its deaths. Plant the flaw by `synchronous_commit` that is off
    (and not looking for it): what was acknowledged in the last moment is gone."""
    with connected(own.server.addresses.owner) as cursor:
        for name in ("fsync", "synchronous_commit"):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == ("on",)
    assert eventually(lambda: len(own.live.workers()) == 2, 30)
    workers, back = own.live.workers(), []
    journal = Journal(own.live, [sign_up(own.app) for _ in range(3)], SEED)
    with journal.load():
        for _ in range(kills):
            own.let_stand(seconds / kills)
            back.append(own.kill_the_database())
    waits = sorted(journal.seconds_to_success(moment) for moment in back)
    print(f"{kills} deaths; from readiness to the first success {waits[0]:.2f} to {waits[-1]:.2f} s")
    assert journal.seen.keys() <= {200, 201, 409, 503}, "nobody is cut off"
    assert own.live.workers() == workers, "the service was not started again"
    journal.check(own.server.addresses.owner)
