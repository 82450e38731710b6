"""What each code in the `errors` of a problem means; the pages of refusals are written where these are.

A refusal whose faults all have one code takes that code; a test holds the catalogue and the code together.
"""

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCode:
    """A code of faults: its title, and what it means and asks for."""

    code: str
    title: str
    detail: str
    status: int = 422
    """Of a problem with such a fault in its body; in a query or a header it is always 400."""


FAULT_CODES: dict[str, FaultCode] = {
    code: FaultCode(code=code, **entry)
    for code, entry in json.loads(
        files("billing_api.web").joinpath("fault_codes.json").read_text(encoding="utf-8")
    ).items()
}
"""By code, in alphabetical order."""
