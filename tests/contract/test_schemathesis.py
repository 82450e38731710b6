"""The running service against its own document: what schemathesis can think of, sent and judged."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import ROOT
from tests.contract.givers import READY
from tests.contract.operations import METHODS
from tests.factories import PASSWORD, Tenant, created, mailed, sign_up
from tests.live_service import LiveService

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
KEPT = {"PATH", "HOME"}
SMALL = (
    "^/(v1/(auth/(login|refresh|logout)|me$|me/sessions|events|invoices/[^/]+/finalize)|health|problems|metrics)|^/$"
)
"""Operations with few parameters: all that coverage tries of the others takes minutes."""
PATHS = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
OPERATIONS = [path for path, item in PATHS.items() for method in item if method.upper() in METHODS]
"""The path of each."""


def made_ready(owner: Tenant) -> dict[str, list[str]]:
    """What comes by mail, and colleagues, whom only a mail brings: some of each for each phase of a run."""
    guests = [f"guest{number}-{owner.email}" for number in range(12)]
    for guest in guests:
        created(owner.post("/v1/invitations", {"email": guest, "role": "viewer"}))
    forgetful, guarded = ([owner.colleague("viewer") for _ in range(12)] for _ in range(2))
    for somebody in forgetful:
        assert somebody.post("/v1/auth/password-reset", {"email": somebody.email}).status_code == 202
    for somebody in guarded:
        somebody.second_factor()
    return {
        "invitations": [mailed(owner, guest) for guest in guests],
        "resets": [mailed(owner, somebody.email) for somebody in forgetful],
        "guarded": [str(somebody.user_id) for somebody in guarded],
        "colleagues": [str(owner.colleague("viewer").user_id) for _ in range(24)],
    }


def run(live: LiveService, app: Flask, folder: Path, *words: str) -> dict[str, Any]:
    """One run of the command, and what it reports; a failure, an error or a warning fails the test."""
    report = folder / "report.json"
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION), "run"]
    # A hundred invoices in one request take longer than the ten seconds that it would wait.
    command += ["--request-timeout=60"]
    owner = sign_up(app)
    environment = {name: value for name, value in os.environ.items() if name in KEPT} | {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
        "SCHEMATHESIS_EMAIL": owner.email,
        "SCHEMATHESIS_OTHER_EMAIL": sign_up(app).email,
        "SCHEMATHESIS_PASSWORD": PASSWORD,
        READY: json.dumps(made_ready(owner)),
    }
    done = subprocess.run(
        [*command, *words, f"--report-json-path={report}", f"http://127.0.0.1:{live.port}/openapi.json"],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    found: dict[str, Any] = json.loads(report.read_text())
    print(found["test_cases"], found["running_time"])
    assert not found["test_cases"]["errored"], found["errors"]
    return found


def test_the_service_shows_the_committed_document(live: LiveService) -> None:
    assert live.send("GET", "/openapi.json").json == json.loads((ROOT / "docs" / "openapi.json").read_text())


@pytest.mark.timeout(600)
def test_the_service_does_what_its_document_says(live: LiveService, app: Flask, tmp_path: Path) -> None:
    # The examples of the document are sent by the story; here all combinations of them would take half a minute.
    report = run(live, app, tmp_path, "--phases=fuzzing,stateful", "--max-examples=1")
    assert report["operations"]["tested"] == report["operations"]["total"] >= 29
    assert report["test_cases"]["generated"] >= 100


@pytest.mark.timeout(600)
def test_the_service_holds_every_bound_that_its_document_names(live: LiveService, app: Flask, tmp_path: Path) -> None:
    report = run(live, app, tmp_path, "--phases=coverage", f"--include-path-regex={SMALL}")
    small = [path for path in OPERATIONS if re.search(SMALL, path)]
    assert report["operations"]["tested"] == report["operations"]["selected"] == len(small)
    assert report["test_cases"]["generated"] >= 200


LIVES = ("^/v1/customers", "^/v1/(invoices|payments|credit-notes|refunds)")
"""Of few operations a chain finds the next one that takes what was just made."""
PARTS = {
    "the lives of customers": (["--phases=stateful", "--max-time=60", f"--include-path-regex={LIVES[0]}"], 300),
    "the lives of documents": (["--phases=stateful", "--max-time=120", f"--include-path-regex={LIVES[1]}"], 500),
    "every bound": (["--phases=examples,coverage"], 5_000),
    "anything at all": (["--phases=fuzzing,stateful", "--max-examples=10"], 1_000),
}
"""Each with the words for the command, and the fewest cases that it must come to."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", PARTS)
def test_the_service_does_what_its_document_says_in_thousands_of_cases(
    live: LiveService, app: Flask, tmp_path: Path, part: str
) -> None:
    """In parts, because schemathesis keeps one core busy and its threads get in each other's way: each can be run by
    itself. Plant the flaw by a pattern in the document that the service does not mean."""
    words, fewest = PARTS[part]
    report = run(live, app, tmp_path, *words, "--continue-on-failure", "--no-shrink")
    # Chains alone leave out what no link leads to, and what makes nothing that another one takes.
    is_whole = "--phases=stateful" not in words
    assert report["operations"]["tested"] == report["operations"]["selected"] or not is_whole
    assert report["test_cases"]["generated"] >= fewest
    counted = live.send("GET", "/metrics").content.decode()
    assert re.findall(r"^billing_data_errors_total (\S+)", counted, re.MULTILINE) in ([], ["0.0"]), "a gap in a schema"
