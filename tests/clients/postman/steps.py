"""What can be said of one request of the collection beyond what the OpenAPI document says of its operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """A request. What is left out follows from the document: its first example, and the ids that its links name."""

    operation: str
    """The `operationId`."""
    name: str = ""
    """In place of the operation's summary, where it is asked more than once."""
    why: str = ""
    """Added to the description."""
    example: int = 0
    """Which of the document's bodies is sent."""
    change: Mapping[str, Any] = field(default_factory=dict)
    """Members of the body in place of those of the example; `{{name}}` stands for a variable."""
    has_body: bool = True
    """False where a body may be left out, and is."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Those query parameters that are sent; the others are there, and switched off."""
    path: Mapping[str, str] = field(default_factory=dict)
    """Values of the parameters in the path, where they are not the variables of the same names."""
    into: str = ""
    """The variable for the id of what is made, where it is not the one that the document's links name."""
    keep: Mapping[str, str] = field(default_factory=dict)
    """More variables, each with where the answer has its value, such as `data[0].id`."""
    before: str = ""
    """A script that runs before the request is sent."""
    after: str = ""
    """A script that runs once the answer is the expected one."""
    auth: Mapping[str, str] = field(default_factory=dict)
    """How the request says who asks, where it is not by `{{access_token}}`: an `X-API-Key`, or a `Bearer` token."""
    is_guarded: bool = False
    """Whether `If-Match` is sent, with the ETag of the last answer about the object."""
    status: int = 0
    """The status of success where the document has several, or 304, for which `If-None-Match` is sent."""
    refused: str = ""
    """The code of the refusal that is expected, where a collection cannot succeed; `why` says why it cannot."""
    may_refuse: str = ""
    """The code of a refusal that is as good as success, because it is a matter of how the service is deployed."""


@dataclass(frozen=True)
class Folder:
    """Requests about one thing."""

    name: str
    about: str
    steps: tuple[Step, ...]
