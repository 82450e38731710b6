"""A circuit breaker before the database, and another before Redis: whether it can be heard, as this process knows it.

When the database falls silent, every request would wait for it as long as the first, and those behind them longer
still. Once one has waited in vain, the next are refused at once, but for one now and then that tries.
"""

import threading
import time

TRIAL_SECONDS = 2.0
"""One request in so many seconds tries a silent database: at any time two threads wait for it, and no more."""


class CircuitBreaker:
    """Open while the database is silent; shared by all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._next_trial = 0.0

    def note(self, *, silence: bool) -> None:
        """Note how a wait for the database ended: with its answer, or with silence."""
        if silence == self._is_open:
            return
        with self._lock:
            self._is_open = silence
            self._next_trial = time.monotonic() + TRIAL_SECONDS

    def lets_through(self) -> bool:
        """Whether a new request may turn to the database; while the circuit is open, as a trial."""
        if not self._is_open:
            return True
        with self._lock:
            is_due = time.monotonic() >= self._next_trial
            if is_due:
                self._next_trial = time.monotonic() + TRIAL_SECONDS
            return is_due or not self._is_open


breaker = CircuitBreaker()
