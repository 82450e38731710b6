"""`billing-api serve` as real processes: what it prints and what it refuses."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_api.embedded import attach
from config import ROOT
from tests.commands import typed
from tests.service_processes import Service, an_instance, environment, free_port, services_of, up


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that is looked at and not changed: to start and end it takes six seconds of a processor."""
    with an_instance(tmp_path_factory.mktemp("served")) as instance, services_of(instance) as serve:
        yield up(serve())


def refusal(instance: Path, port: int, *words: str, **more: str) -> tuple[int, list[str]]:
    done = typed(*(words or ("serve",)), env=environment(instance, port, **more))
    return done.returncode, done.stderr.splitlines()


def test_it_says_where_everything_is_and_refuses_a_second_start_and_a_taken_port(
    service: Service, tmp_path: Path
) -> None:
    assert service.banner[0].startswith("Billing API "), "nothing stands above it"
    text = "\n".join(service.banner)
    assert f"http://127.0.0.1:{service.port}\n" in text
    assert f"http://127.0.0.1:{service.port}/docs" in text
    assert text.count("curl ") >= 3
    assert service.get("/health/ready") == 200

    code, lines = refusal(service.instance, free_port())
    assert (code, len(lines)) == (1, 1)
    assert f"is already served by process {service.process.pid}" in lines[0]

    code, lines = refusal(tmp_path / "other", service.port)
    assert (code, len(lines)) == (1, 1)
    assert f"port {service.port} on 127.0.0.1: Address already in use" in lines[0]

    code, _ = refusal(service.instance, service.port, "db", "current")
    assert code == 0, "a command uses the server that runs"
    assert attach(service.instance) is not None


def test_the_pasted_lines_work(service: Service) -> None:
    for line in [line for line in service.banner if line.startswith("curl ")]:
        done = subprocess.run(["sh", "-c", f"{line} -o /dev/null -w '%{{http_code}}'"], capture_output=True, timeout=20)
        assert done.stdout.decode().endswith("200"), line


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://somebody:canary@127.0.0.1:{free_port()}/billing"
    code, lines = refusal(tmp_path, free_port(), DATABASE_URL=url)
    assert (code, len(lines)) == (1, 1)
    assert "cannot be reached" in lines[0]
    assert "canary" not in lines[0]


def test_every_wrong_setting_has_its_line(tmp_path: Path) -> None:
    code, lines = refusal(tmp_path, free_port(), WORKERS="none", BILLING_LOG_LEVEL="loud")
    assert code == 2
    assert [line.split(":")[1].strip() for line in lines] == ["BILLING_LOG_LEVEL", "WORKERS"]


def test_production_refuses_the_example_secret_and_starts_no_database(tmp_path: Path) -> None:
    secret = "replace-me-with-32-random-bytes-or-more"
    code, lines = refusal(tmp_path, free_port(), BILLING_ENV="production", BILLING_SECRET_KEY=secret)
    assert code == 2
    assert {"BILLING_SECRET_KEY", "DATABASE_URL"} <= {line.split(":")[1].strip() for line in lines}
    assert not (tmp_path / "postgres").exists()


def test_garbage_is_collected_again_once_all_is_loaded() -> None:
    program = "import billing_api, gc; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    printed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout == "True True\n"
