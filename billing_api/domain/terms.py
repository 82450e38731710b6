"""Terms of payment: from the date of issue to the date on which the money is due."""

from datetime import date, timedelta

from billing_api.errors import Fault, Invalid

LAST_DAY = date(2999, 12, 31)
"""The last date that the service takes or shows."""


def due_date(issue_date: date, net_terms_days: int) -> date:
    """The date `net_terms_days` calendar days after the issue (EN 16931 BT-9); 0 is the day of issue itself.

    Raises `Invalid` at `/net_terms_days`: `out-of-range` below 0, or `net-terms-too-long` past the year 2999.
    """
    pointer = "/net_terms_days"
    if net_terms_days < 0:
        raise Invalid(faults=[Fault("out-of-range", "Payment cannot be due before the issue.", pointer)])
    if net_terms_days > (LAST_DAY - issue_date).days:
        raise Invalid(faults=[Fault("net-terms-too-long", "The due date would lie beyond the year 2999.", pointer)])
    return issue_date + timedelta(days=net_terms_days)
