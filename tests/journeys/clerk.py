"""Does deeds in the model and through the API at once, in the ways in which clients do them, and compares."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from werkzeug.test import TestResponse

from tests.factories import sign_up
from tests.journeys import ties
from tests.journeys.model import Books
from tests.journeys.things import Invoice, Refused, Source, Thing
from tests.web.refusals import problem_of

MANNERS = ("plain", "plain", "plain", "plain", "twice", "rehearsed", "stale")
"""How a deed is sent."""
SEEN = Counter[tuple[str, str]]()
"""How often each deed ended in which way, in all histories."""

_keys = itertools.count(1)
Data = st.DataObject


class Clerk(RuleBasedStateMachine):
    """One organization from its beginning."""

    app: Flask
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.tenant = sign_up(self.app)
        self.ties = ties.Ties(self.tenant, self.url)
        self.books = Books()

    def teardown(self) -> None:
        self.ties.close()

    def do(
        self,
        data: Data,
        deed: Callable[[], Thing | None],
        method: str,
        path: str,
        body: Any = None,
        *,
        tag: bool = False,
    ) -> dict[str, Any]:
        """Do it in the model and through the API, which must agree in the answer and in all that came of it."""
        manner = data.draw(st.sampled_from(MANNERS), label="manner")
        name = f"{method} {'/'.join(part for part in path.split('/')[2:] if '-' not in part or len(part) != 36)}"
        if manner == "stale" and tag:
            problem(self.tenant.call(method, path, body, If_Match='"999"'), 412, "precondition-failed")
            SEEN[name, "stale"] += 1
        headers = {"Idempotency-Key": f"key-{next(_keys)}"} if manner == "twice" and method == "POST" else {}
        rehearsed = self.tenant.call(method, f"{path}?dry_run=true", body) if manner == "rehearsed" else None
        try:
            made = deed()
        except Refused as refusal:
            answer = self.tenant.call(method, path, body, **headers)
            problem(answer, refusal.status, refusal.code)
            SEEN[name, refusal.code] += 1
        else:
            answer = self.tenant.call(method, path, body, **headers)
            assert answer.status_code in (200, 201, 204), answer.text
            SEEN[name, "done"] += 1
            if made is not None and not made.id:
                self.books.name(made, answer.json["id"])
        for note in [one for one in self.books.sources if not one.id]:
            # It was made on the way, and the answer is about something else.
            self.books.name(note, self.tenant.get("/v1/credit-notes?limit=1").json["data"][0]["id"])
        if rehearsed is not None:
            assert rehearsed.status_code == answer.status_code
        if headers:
            again = self.tenant.call(method, path, body, **headers)
            assert again.status_code == answer.status_code
            assert answer.status_code >= 400 or again.data == answer.data
        self.ties.check(self.books)
        return answer.json if answer.status_code < 300 and answer.data else {}

    def act(
        self, data: Data, invoice: Invoice, action: str, deed: Callable[[], Thing | None], body: Any = None
    ) -> None:
        """An action upon an invoice; what it answers with shows which ones are possible now."""
        shown = self.do(data, deed, "POST", f"/v1/invoices/{invoice.id}/{action}", body, tag=True)
        if "actions" in shown and shown["id"] == invoice.id:
            ties.check_actions(shown, self.books, invoice)
        elif invoice in self.books.invoices:
            ties.check_actions(self.tenant.get(f"/v1/invoices/{invoice.id}").json, self.books, invoice)

    def any_invoice(self, data: Data, *statuses: str) -> Invoice:
        """Mostly one in such a status, and now and then any."""
        fitting = [one for one in self.books.invoices if one.status in statuses]
        if not fitting or data.draw(st.integers(0, 4), label="any") == 4:
            fitting = self.books.invoices
        return data.draw(st.sampled_from(fitting), label="invoice")

    def any_source(self, data: Data, fits: Callable[[Source], object], *kinds: str) -> Source:
        """A source of such a kind: mostly one that fits, and now and then any."""
        known = [one for one in self.books.sources if one.kind in kinds]
        fitting = [one for one in known if fits(one)]
        if not fitting or data.draw(st.integers(0, 4), label="any") == 4:
            fitting = known
        return data.draw(st.sampled_from(fitting), label="source")


def problem(answer: TestResponse, status: int, code: str) -> None:
    """The refusal that the model foretold."""
    assert (answer.status_code, problem_of(answer)["code"]) == (status, code), answer.text
