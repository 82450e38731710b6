"""What is done for every request on its way in, and with every answer on its way out, in this order."""

from billing_api.web import compression, headers, observation, rate_limits, slow_doors, written
from billing_api.web.request import Request
from billing_api.web.response import Response


def arrive(request: Request) -> Response | None:
    """Look at a request before its view does; an answer, where none of a view is needed. Raises what refuses it."""
    observation.start(request)
    headers.number(request)
    if answer := headers.look(request):
        return answer
    slow_doors.refuse_late(request)
    rate_limits.count_stranger(request)
    return None


def leave(request: Request, answer: Response) -> Response:
    """Finish an answer, a refusal like any other."""
    answer = rate_limits.tell(request, answer)
    written.tell(request, answer)
    compression.compress(request, answer)
    headers.dress(request, answer)
    observation.finish(request, answer)
    return answer
