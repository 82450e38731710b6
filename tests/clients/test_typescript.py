"""Types made from the OpenAPI document: a program that is written against them works, and mistakes do not compile."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from config import ROOT
from tests.clients import node
from tests.clients.node import modules
from tests.factories import PASSWORD, sign_up
from tests.live_service import LiveService

__all__ = ["modules"]

DOCUMENT = ROOT / "docs" / "openapi.json"
SOURCES = Path(__file__).with_name("typescript")
PACKAGE = Path(__file__).with_name("package.json")
EXPECTED = re.compile(r"^ *// @ts-expect-error.*\n", re.MULTILINE)

pytestmark = [node.needs_node, pytest.mark.timeout(node.LONGEST_SECONDS)]


def compiled(folder: Path) -> list[str]:
    """What the compiler finds wrong with the program in a folder, which it compiles there."""
    done = node.run(folder / "node_modules" / "typescript" / "bin" / "tsc", "--project", folder, "--pretty", "false")
    # A fault begins at the margin; what explains it further does not.
    return [line for line in done.stdout.splitlines() if line[:1].strip()]


@pytest.fixture(scope="module")
def workshop(modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types, by the command of the README, and with the program beside them."""
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    shutil.copy(PACKAGE, folder)
    (folder / "node_modules").symlink_to(modules)
    made = node.run(modules / "openapi-typescript" / "bin" / "cli.js", DOCUMENT, "--output", folder / "api.d.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warn" not in (made.stdout + made.stderr).lower()
    return folder


@pytest.fixture(scope="module")
def told(workshop: Path, live: LiveService, app: Flask) -> dict[str, Any]:
    """What the program prints, of which each test looks at a part."""
    assert compiled(workshop) == []
    address = f"http://127.0.0.1:{live.port}"
    done = node.run(workshop / "built" / "program.js", address, sign_up(app).email, PASSWORD)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_program_issues_an_invoice_and_reads_money_as_text(told: dict[str, Any]) -> None:
    assert told["number"].startswith("INV-")
    assert (told["status"], told["total"], told["taxes"]) == ("open", "118.99", ["19.00"])


def test_a_program_repeats_a_request_and_reads_a_version_again(told: dict[str, Any]) -> None:
    assert told["isSame"] is True
    assert told["readAgain"] == 304


def test_a_program_goes_through_all_pages(told: dict[str, Any]) -> None:
    assert told["names"] == ["A of TypeScript", "B of TypeScript", "C of TypeScript"]


def test_a_program_knows_what_is_wrong_and_where(told: dict[str, Any]) -> None:
    assert told["faults"] == {"/lines/1/quantity": "not-a-decimal", "/lines/1/tax_rate": "not-a-decimal"}


def test_mistakes_do_not_compile(workshop: Path, tmp_path: Path) -> None:
    """Plant the flaw by leaving `required` out of the document's answers and bodies."""
    for name in ("tsconfig.json", "api.d.ts", "package.json"):
        shutil.copy(workshop / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(workshop / "node_modules")
    text = (workshop / "mistakes.ts").read_text(encoding="utf-8")
    (tmp_path / "mistakes.ts").write_text(EXPECTED.sub("", text), encoding="utf-8")
    found = compiled(tmp_path)
    assert len(found) == len(EXPECTED.findall(text)) >= 12, found


def test_only_what_is_of_any_form_is_of_unknown_type(workshop: Path) -> None:
    """That is what else belongs to an event, and to an entry of the audit log."""
    text = (workshop / "api.d.ts").read_text(encoding="utf-8")
    assert len(re.findall(r"^ *(?:\w+\??|\[key: string\]): unknown", text, re.MULTILINE)) == 2
