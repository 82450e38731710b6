"""The figures as a table and as a picture."""

import statistics
from collections.abc import Mapping, Sequence

from tests.bench.load import Measured

Runs = Mapping[str, Mapping[str, Sequence[Measured]]]
"""By operation and server, one run of each round."""
_HEADING = "| operation | server | requests/s | spread | p50 ms | p99 ms | service µs | database µs | of floor | cost |"
_WIDTH, _BAR, _NAME = 640, 14, 130
_COLOURS = ("#2f6f9f", "#9aa7b1", "#c9a227", "#7d5ba6")


def median(runs: Sequence[Measured], figure: str) -> float:
    """Of one figure of all runs."""
    return statistics.median(getattr(run, figure) for run in runs)


def ratio(runs: Sequence[Measured], others: Sequence[Measured], figure: str) -> float:
    """The median of what a figure is to that of the other server in the same round."""
    return statistics.median(
        getattr(one, figure) / getattr(other, figure) for one, other in zip(runs, others, strict=True)
    )


def table(runs: Runs, against: str) -> str:
    """All figures; the last columns are requests a second, and processor time, beside those of one of the servers."""
    lines = [_HEADING, "|" + "---|" * (_HEADING.count("|") - 1)]
    for operation, by_server in runs.items():
        for server, taken in by_server.items():
            rates = [run.rate for run in taken]
            times = " | ".join(f"{median(taken, figure):.1f}" for figure in ("p50", "p99"))
            costs = " | ".join(f"{median(taken, figure):.0f}" for figure in ("service", "database"))
            beside = " | ".join(f"{ratio(taken, by_server[against], figure):.2f}" for figure in ("rate", "cost"))
            spread = f"{min(rates):.0f}-{max(rates):.0f}"
            failed = sum(run.failed for run in taken)
            lines.append(
                f"| {operation} | {server} | {statistics.median(rates):.0f} | {spread} | {times} | {costs} | {beside} |"
                + (f" {failed} FAILED" if failed else "")
            )
    return "\n".join(lines)


def picture(runs: Runs) -> str:
    """Requests a second as bars, as SVG."""
    most = max(median(taken, "rate") for by_server in runs.values() for taken in by_server.values())
    drawn, y = [], 10
    for operation, by_server in runs.items():
        drawn.append(f'<text x="{_NAME - 8}" y="{y + _BAR}" text-anchor="end">{operation}</text>')
        for (server, taken), colour in zip(by_server.items(), _COLOURS, strict=False):
            rate = median(taken, "rate")
            width = rate / most * (_WIDTH - _NAME - 130)
            drawn.append(f'<rect x="{_NAME}" y="{y}" width="{width:.0f}" height="{_BAR - 2}" fill="{colour}"/>')
            drawn.append(f'<text x="{_NAME + width + 6:.0f}" y="{y + _BAR - 4}">{rate:.0f}/s {server}</text>')
            y += _BAR
        y += 10
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" font-family="sans-serif"'
    return "\n".join([f'{opening} font-size="11">', *drawn, "</svg>", ""])
