"""Of the refusals with a status, those that an operation can give: what the document lists at each of its answers."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from billing_api.web import components

Json = dict[str, Any]
Told = tuple[int, frozenset[str], frozenset[str]]
"""A status with the codes of refusals and, besides, those of faults that are told there."""


def narrow(document: Json, reached: Mapping[str, frozenset[str]]) -> None:
    """Have each operation refer to a response of those refusals alone that it can reach. Operations with the same ones
    share it: under the status what most of them have, else under the name of the first."""
    kinds = components.by_status()
    found = [(operation, told) for operation in _operations(document) for told in _told(operation, kinds, reached)]
    names: dict[Told, str] = {}
    for told, _ in Counter(told for _, told in found).most_common():
        if components.name_of(told[0]) not in names.values():
            names[told] = components.name_of(told[0])
    for operation, told in found:
        name = names.setdefault(told, f"{operation['operationId']}_{told[0]}")
        operation["responses"][str(told[0])] = {"$ref": f"#/components/responses/{name}"}
    for (status, codes, faults), name in names.items():
        titles = {code: title for code, title in kinds[status].items() if code in codes}
        document["components"]["responses"][name] = components.response(status, titles, faults)


def _operations(document: Json) -> Iterator[Json]:
    for item in document["paths"].values():
        yield from (operation for operation in item.values() if "responses" in operation)


def _told(operation: Json, kinds: Mapping[int, Mapping[str, str]], reached: Mapping[str, frozenset[str]]) -> list[Told]:
    codes = reached[operation["operationId"]]
    return [
        (status, codes.intersection(titles), _of_faults(operation, status))
        for status, titles in kinds.items()
        if operation["responses"].get(str(status)) == components.refusal(status)
    ]


def _of_faults(operation: Json, status: int) -> frozenset[str]:
    """What a problem is called whose faults are all of one kind, by the kinds that are the commonest here."""
    if status == 400:
        is_paged = any(parameter.get("name") == "limit" for parameter in operation.get("parameters", []))
        return frozenset({"unknown-parameter", *(["out-of-range"] if is_paged else [])})
    return frozenset({"unknown-member"} if status == 422 else ())
