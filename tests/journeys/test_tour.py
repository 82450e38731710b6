"""The tour of the README, run command by command as its reader would."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from billing_api.delivery import deliver
from billing_api.smtp import sender
from config import _Settings

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def tour() -> list[str]:
    """The shell blocks of the tour, in order."""
    section = README.read_text(encoding="utf-8").split("<!-- tour:")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def run(shell: str, script: str, base_url: str, home: Path) -> str:
    """What a shell prints that runs the script to its end."""
    ended = subprocess.run(
        [shell, "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "BASE": base_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout


def token_in_the_log(app: Flask, capsys: pytest.CaptureFixture[str]) -> str:
    """What the worker of `make run` shows of an invitation, in the line that the README names."""
    with app.app_context():
        while deliver(sender(app.config)):
            continue
    lines = [line for line in capsys.readouterr().out.splitlines() if '"kind":"invitation"' in line]
    (text,) = [mail["text"] for line in lines if (mail := json.loads(line)).get("recipient", "").startswith("grace-")]
    (token,) = re.findall(r"inv_[\w-]{43}", text)
    return str(token)


@pytest.mark.parametrize(("shell", "strict"), [("bash", "set -euo pipefail"), ("sh", "set -eu")])
def test_the_tour_of_the_readme_works_as_it_is_written(
    app: Flask, base_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], shell: str, strict: str
) -> None:
    *pasted, filled_in = tour()
    printed = run(shell, "\n".join([strict, *pasted]), base_url, tmp_path)
    token = token_in_the_log(app, capsys)
    assert filled_in.count("inv_...") == 1
    printed += run(shell, "\n".join([strict, pasted[0], filled_in.replace("inv_...", token)]), base_url, tmp_path)
    promised = re.findall(r"^# prints (.+)$", "\n".join(tour()), re.MULTILINE)
    assert len(promised) >= 16
    rest = printed
    for text in promised:
        assert text in rest, f"the tour does not print {text!r}:\n{printed}"
        rest = rest.split(text, 1)[1]
    assert "None" not in printed, "what is empty is not shown to a reader"


def test_every_setting_is_in_the_readme_and_in_the_example() -> None:
    names = {str(field.data_key) for field in _Settings().fields.values()}
    assert len(names) > 15
    names.add("TEST_DATABASE_URL")
    for document in ("README.md", ".env.example"):
        text = (README.parent / document).read_text(encoding="utf-8")
        # Where to fail is for tests to say, and nothing to begin with.
        told = names - {"BILLING_FAULTS"} if document == ".env.example" else names
        assert sorted(name for name in told if name not in text) == [], document
