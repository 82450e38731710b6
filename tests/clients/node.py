"""Node, npm, and the programs that package-lock.json names: who may skip, and how they are installed once for all."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from config import ROOT

PACKAGES = [Path(__file__).with_name(name) for name in ("package.json", "package-lock.json")]
INSTALLED = ROOT / ".venv" / "clients"
"""Away from the tests, whose files others list while they are installed."""
NODE, NPM = shutil.which("node") or shutil.which("nodejs"), shutil.which("npm")
IS_NEEDED = bool(os.environ.get("NEEDS_NODE"))
LONGEST_SECONDS = 300
"""The packages come from a registry, as they are asked for by the first test that needs one."""

needs_node = pytest.mark.skipif(
    (NODE is None or NPM is None) and not IS_NEEDED, reason="no Node with npm is installed here"
)


@pytest.fixture(scope="session")
def modules() -> Path:
    """The folder of what is installed, the same for all workers: the first installs, and the others wait for it."""
    if NODE is None or NPM is None:
        pytest.fail("no Node with npm is installed, and NEEDS_NODE says that these tests are not to be skipped")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in PACKAGES)).hexdigest()
    folder = INSTALLED / digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            install(folder)
            (folder / "complete").touch()
    return folder / "node_modules"


def install(folder: Path) -> None:
    """Exactly what the lock says, without running any program of a package."""
    for path in PACKAGES:
        shutil.copy(path, folder)
    command = [str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False
        )
    except subprocess.TimeoutExpired:
        miss("npm does not come to an end")
    if done.returncode != 0:
        miss(done.stderr[-2000:])


def miss(reason: str) -> NoReturn:
    """Skip where that is allowed: a developer without a network has Node all the same."""
    if IS_NEEDED:
        pytest.fail(f"npm cannot install the packages: {reason}")
    pytest.skip(f"npm cannot install the packages: {reason}")


def run(*words: str | Path, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
    """A program of Node, to its end, whatever that is."""
    return subprocess.run(
        [str(NODE), *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
