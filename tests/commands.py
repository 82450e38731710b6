"""Commands of `billing-api` as they are typed, each in a process of its own."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from billing_api.cli import main
from config import ROOT

# To load the program takes a second. Here each command forks from a process that has loaded it, and done nothing else.
_LOADED = multiprocessing.get_context("forkserver")
_LOADED.set_forkserver_preload(["billing_api.cli"])


@dataclass(frozen=True)
class Ended:
    """How a command ended, and all that it printed."""

    returncode: int
    stdout: str
    stderr: str


def typed(*words: str, env: Mapping[str, str], timeout: float = 60) -> Ended:
    """Run a command with this environment alone. A command that takes longer, in seconds, fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        output = [Path(folder) / name for name in ("stdout", "stderr")]
        for path in output:
            path.touch()
        process = _LOADED.Process(target=_begin, args=(words, dict(env), output))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
        stdout, stderr = (path.read_text(encoding="utf-8") for path in output)
    assert process.exitcode is not None
    assert process.exitcode >= 0, (words, process.exitcode, stderr)
    return Ended(process.exitcode, stdout, stderr)


def _begin(words: tuple[str, ...], env: dict[str, str], output: list[Path]) -> None:
    for number, path in zip((1, 2), output, strict=True):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    sys.argv = ["billing-api", *words]
    main()
