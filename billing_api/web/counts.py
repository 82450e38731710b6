"""How often somebody has come in this minute, as one process has counted it."""

import math
from dataclasses import dataclass
from threading import Lock
from time import monotonic

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands under a policy after a request of theirs."""

    policy: str
    quota: int
    remaining: int
    seconds: int
    is_over: bool

    @property
    def headers(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """draft-ietf-httpapi-ratelimit-headers, sections 3 and 4."""
        return (
            ("RateLimit-Policy", f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"{self.policy}";r={self.remaining};t={self.seconds}'),
        )


class Counter:
    """The counts of one process, in its memory. Each begins with a client's first request and is over after a window;
    those that are over are cleared once in a window, by a request."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}
        self._cleared_at = monotonic()
        self._lock = Lock()

    def hit(self, policy: str, quota: int, name: str) -> Standing:
        """Count a request of whoever has this name under this policy."""
        now = monotonic()
        with self._lock:
            if now - self._cleared_at > WINDOW_SECONDS:
                self._clear(now)
            count, ends = self._counts.get(name, (0, now))
            if ends <= now:
                count, ends = 0, now + WINDOW_SECONDS
            count += 1
            self._counts[name] = count, ends
        seconds = min(max(1, math.ceil(ends - now)), WINDOW_SECONDS)
        return Standing(policy, quota, max(0, quota - count), seconds, count > quota)

    def _clear(self, now: float) -> None:
        self._cleared_at = now
        self._counts = {name: (count, ends) for name, (count, ends) in self._counts.items() if ends > now}
