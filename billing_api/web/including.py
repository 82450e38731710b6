"""What is shown beside a thing for who asks for it with `include`."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from flask import request

from billing_api.web.auth import also_requires

View = Callable[..., Any]

_SCOPE = "customers:read"
_showing: list[Callable[[Sequence[Any]], None]] = []


def on_customers(show: Callable[[Sequence[Any]], None]) -> None:
    """Have the customers of rows brought by their resource, which this room does not know."""
    _showing.append(show)


def includes_customer(view: View) -> View:
    """Show the customers of what the view returns, of one thing or of a page, to who asks for `include=customer`, which
    its schema of the query has read.

    The view raises InsufficientScope without the scope to read customers, before it looks for anything.
    """

    @wraps(view)
    def including(*args: Any, **kwargs: Any) -> Any:
        if "include" not in request.args:
            return view(*args, **kwargs)
        also_requires(_SCOPE)
        result = view(*args, **kwargs)
        for show in _showing:
            show(result["data"] if isinstance(result, dict) else [result])
        return result

    return including
