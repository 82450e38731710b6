"""Child processes that do not outlive their parent, and a lock that a process holds until its last breath."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
# Only Linux knows the parent-death signal. Elsewhere a parent that is killed leaves its children, and
# the next start finds and ends what it left.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that a child runs as."""

    uid: int
    gid: int


class Lock:
    """A file lock. The kernel releases it when the process ends, in whatever way, so it is never stale."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def take(cls, path: Path) -> "Lock | None":
        """Hold the lock, or None when another process holds it. Its folder is made when it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened without truncating: the file names its holder to those who are refused.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return cls(file)

    def release(self) -> None:
        self._file.close()


def holder(path: Path) -> str:
    """Who holds the lock at `path`, in words."""
    try:
        return f"process {path.read_text().strip() or 'unknown'}"
    except OSError:
        return "another process"


def die_with(parent: int, signum: int) -> bool:
    """Have the kernel send `signum` to this process when `parent` dies.

    Returns:
        Whether the parent is still there. It may have died before the kernel was asked, and then no signal comes.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    return os.getppid() == parent


def bound_to_us(death: int) -> Callable[[], None]:
    """What a new child does before it becomes its program (`preexec_fn`): ask for `death` when this process dies.

    To be called from the main thread, because the kernel watches the thread that forked, not its process.
    """
    parent = os.getpid()

    def ask() -> None:
        # It runs after the change of user, which would clear the request.
        if not die_with(parent, death):
            os._exit(1)

    return ask


def spawn(
    command: Sequence[str | Path],
    *,
    death: int,
    env: Mapping[str, str] | None = None,
    account: Account | None = None,
    cwd: Path | str = "/",
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child that receives the signal `death` when this process dies.

    It has a session of its own: Ctrl-C in a terminal goes to the whole foreground group, and the order in which
    the children end is ours to choose. To be called from the main thread.
    """
    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=cwd,
        env=env,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        start_new_session=True,
        preexec_fn=bound_to_us(death),
    )


def end(process: subprocess.Popen[bytes], *steps: tuple[int, float]) -> None:
    """End a child: each step is a signal and the seconds to wait after it; SIGKILL to its group is the last."""
    for signum, patience in steps:
        if process.poll() is not None:
            return
        process.send_signal(signum)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
