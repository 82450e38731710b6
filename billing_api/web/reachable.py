"""Which refusals a view can end in: those that its code names, or that is called by it, however far.

What a function can reach is read from its compiled code: the global names in it, what it takes from the modules of the
house that it names, and what it encloses. So a view tells of more than it can ever raise where a function is shared,
and of nothing less; what another resource has registered is found where the register is read. What the edge and the
constraints of rows add follows from how a door is kept: `web.declared`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType, GenericAlias, ModuleType, UnionType
from typing import Any, get_args

from billing_api.errors import BillingError, tree
from billing_api.violations import refusals_of_constraints

_HOUSE = "billing_api."


def reachable(starts: Mapping[str, Callable[..., Any]]) -> dict[str, frozenset[str]]:
    """For each name the codes of all refusals that its function can end in, with those of faults that bear the name of
    a refusal."""
    named, known = {kind.code for kind in tree()}, dict[int, list[Any]]()
    return {name: frozenset(_codes(function, named, known)) for name, function in starts.items()}


def _codes(start: Callable[..., Any], named: set[str], known: dict[int, list[Any]]) -> Iterator[str]:
    """What can be reached from here; what was looked through once is `known` by its id."""
    seen, left = set[int](), list[Any]([start])
    while left:
        thing = left.pop()
        if isinstance(thing, type) and issubclass(thing, BillingError):
            yield thing.code
        elif isinstance(thing, str):
            yield from {thing} & named
        elif id(thing) not in seen:
            seen.add(id(thing))
            if id(thing) not in known:
                known[id(thing)] = [one for one in _named_by(thing) if not isinstance(one, str) or one in named]
            left += known[id(thing)]


def _named_by(thing: Any) -> Iterator[Any]:
    if isinstance(thing, FunctionType):
        yield from _enclosed_in(thing)
        if thing.__module__.startswith(_HOUSE):
            yield from _spoken_of(thing)
            # What it is given, and what it makes, has methods.
            yield from thing.__annotations__.values()
    elif isinstance(thing, classmethod | staticmethod):
        yield thing.__func__
    elif isinstance(thing, property):
        yield thing.fget
    elif isinstance(thing, type):
        for kind in thing.__mro__:
            if kind.__module__.startswith(_HOUSE):
                yield from vars(kind).values()
    else:
        yield from _held_by(thing)


def _held_by(thing: Any) -> Iterable[Any]:
    if isinstance(thing, GenericAlias | UnionType):
        return get_args(thing)
    if isinstance(thing, dict):
        # Which constraints can be broken is told by the rows that are written.
        return thing.values() if thing is not refusals_of_constraints() else ()
    return thing if isinstance(thing, list | tuple | set | frozenset) else ()


def _enclosed_in(function: FunctionType) -> Iterator[Any]:
    """What a decorator has wrapped, and whatever else a function was made with."""
    yield getattr(function, "__wrapped__", None)
    for cell in function.__closure__ or ():
        yield cell.cell_contents


def _spoken_of(function: FunctionType) -> Iterator[Any]:
    """What a function has by name, from its module or from one that it names, and the words in it."""
    names: set[str] = set()
    left = [function.__code__]
    while left:
        code = left.pop()
        names.update(code.co_names)
        left += [one for one in code.co_consts if isinstance(one, CodeType)]
        yield from (one for one in code.co_consts if isinstance(one, str))
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    yield from found
    for module in found:
        if isinstance(module, ModuleType) and module.__name__.startswith(_HOUSE):
            yield from (getattr(module, name) for name in names if hasattr(module, name))
