"""`billing-api worker`: what is done beside the requests. It sends mails, and deletes what is over.

As many as one likes may run at once, and each may be killed at any moment: what one leaves unfinished another takes up.
"""

import os
import queue
import signal
import time
from collections.abc import Callable
from types import FrameType

import structlog
from flask import Flask

from billing_api.delivery import deliver
from billing_api.processes import die_with
from billing_api.reaping import reap
from billing_api.smtp import Send, sender
from billing_api.web.observation import place

ROUND_SECONDS, SWEEP_SECONDS = 1.0, 60.0
GRACE_SECONDS = 2.0
"""A mail server that is being spoken to when the stop comes has so long. After that the mail is sent once more, when
its lease is over."""

log = structlog.get_logger()


def work(app: Flask, *, once: bool = False, parent: int | None = None) -> None:
    """Work until SIGTERM or SIGINT comes or `parent` (a process id) dies; `once`, until there is nothing to do.

    To be called from the main thread, inside the application's context.
    """
    worker = Worker(sender(app.config), parent)
    if once:
        worker.finish()
    elif parent is None or die_with(parent, signal.SIGTERM):
        worker.run()


class Worker:
    """One process that works in rounds."""

    def __init__(self, send: Send, parent: int | None = None) -> None:
        self._send = send
        self._parent = parent
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._is_told = False
        self._next_sweep = 0.0
        self._trouble: str | None = None

    def finish(self) -> None:
        """Do all that can be done now."""
        while deliver(self._send):
            continue
        reap()

    def run(self) -> None:
        """Work in rounds until told to stop. A fault, such as a database that is away, ends a round and no more."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._note)
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        while self._goes_on():
            self._guarded(self._round)
            self._pause(ROUND_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _round(self) -> None:
        deliver(self._send, self._goes_on)
        if time.monotonic() >= self._next_sweep:
            reap(self._goes_on)
            self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def _guarded(self, deed: Callable[[], None]) -> None:
        """Log a fault once for as long as it lasts, and where it was. Its own words may quote anything."""
        try:
            deed()
        except Exception as error:
            kind = type(error).__name__
            if kind != self._trouble:
                log.error("worker in trouble", exception=kind, at=place(error.__traceback__))
            self._trouble = kind
        else:
            if self._trouble is not None:
                log.info("worker goes on")
            self._trouble = None

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._is_told = True
        # A queue, for it can be filled while it is being waited for; an Event cannot, in one thread.
        self._signals.put(signum)
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    def _goes_on(self) -> bool:
        return not self._is_told and (self._parent is None or os.getppid() == self._parent)

    def _pause(self, seconds: float) -> None:
        if self._goes_on():
            try:
                self._signals.get(timeout=seconds)
            except queue.Empty:
                return
