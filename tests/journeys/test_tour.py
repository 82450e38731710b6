"""The tour of the README, run command by command as its reader would."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

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


@pytest.mark.parametrize(("shell", "strict"), [("bash", "set -euo pipefail"), ("sh", "set -eu")])
def test_the_tour_of_the_readme_works_as_it_is_written(base_url: str, tmp_path: Path, shell: str, strict: str) -> None:
    script = f"{strict}\n" + "\n".join(tour())
    ended = subprocess.run(
        [shell, "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BASE": base_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    promised = re.findall(r"^# prints (.+)$", script, re.MULTILINE)
    assert len(promised) >= 8
    rest = ended.stdout
    for text in promised:
        assert text in rest, f"the tour does not print {text!r}:\n{ended.stdout}"
        rest = rest.split(text, 1)[1]


def test_every_setting_is_in_the_readme_and_in_the_example() -> None:
    names = {str(field.data_key) for field in _Settings().fields.values()}
    assert len(names) > 15
    names.add("TEST_DATABASE_URL")
    for document in ("README.md", ".env.example"):
        text = (README.parent / document).read_text(encoding="utf-8")
        assert sorted(name for name in names if name not in text) == [], document
