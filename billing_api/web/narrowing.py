"""Of the refusals with a status, those that an operation can give: what the document lists at each of its answers."""

from collections.abc import Mapping
from typing import Any

from billing_api.web import components

Json = dict[str, Any]


def narrow(document: Json, reached: Mapping[str, frozenset[str]]) -> None:
    """Have each operation refer to a response of those refusals alone that it can reach. Operations with the same ones
    share it: under the status where all have them, else under the name of the first."""
    kinds = components.by_status()
    of_all = frozenset.intersection(*reached.values())
    names = {(status, of_all.intersection(titles)): components.name_of(status) for status, titles in kinds.items()}
    for item in document["paths"].values():
        for operation in item.values():
            for status, titles in kinds.items() if "responses" in operation else ():
                if operation["responses"].get(str(status)) == components.refusal(status):
                    told = (status, reached[operation["operationId"]].intersection(titles))
                    name = names.setdefault(told, f"{operation['operationId']}_{status}")
                    operation["responses"][str(status)] = {"$ref": f"#/components/responses/{name}"}
    for (status, codes), name in names.items():
        titles = {code: title for code, title in kinds[status].items() if code in codes}
        document["components"]["responses"][name] = components.response(status, titles)
