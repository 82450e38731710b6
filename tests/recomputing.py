"""A reader of explanations who knows nothing of the service: fractions, and the formulas of the steps."""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

import iso4217

Number = Fraction | list[Fraction]
_OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv
}  # fmt: skip


def recomputed(formula: str, inputs: Mapping[str, Any], currency: str) -> Number:
    """What the formula makes of the inputs, exactly."""
    unit = Fraction(1, 10 ** (iso4217.Currency(currency).exponent or 0))
    names = {node.id for node in ast.walk(ast.parse(formula)) if isinstance(node, ast.Name)}
    values = {name: number(inputs[name]) for name in names if name in inputs}
    return _value(ast.parse(formula, mode="eval").body, values, unit)


def number(text: Any) -> Number:
    return [Fraction(one) for one in text] if isinstance(text, list | tuple) else Fraction(text)


def faults(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """The steps whose result is another than their formula gives."""
    wrong = []
    for position, step in enumerate(steps):
        found = recomputed(step["formula"], step["inputs"], step["currency"])
        if found != number(step["result"]):
            wrong.append(f"{position} {step['rule']} {step['inputs']}: {step['result']} and not {found}")
    return wrong


def results(steps: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Each pointer with the figure that the steps give it."""
    for step in steps:
        pointers, figures = step["pointer"], step["result"]
        if isinstance(figures, str):
            pointers, figures = [pointers], [figures]
        yield from ((at, figure) for at, figure in zip(pointers, figures, strict=True) if at is not None)


def member(document: Any, pointer: str) -> Any:
    """What stands at a JSON pointer."""
    for part in pointer.split("/")[1:]:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _value(node: ast.expr, values: Mapping[str, Number], unit: Fraction) -> Number:
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _each(operator.mul, Fraction(-1), _value(node.operand, values, unit))
    if isinstance(node, ast.BinOp):
        left, right = (_value(side, values, unit) for side in (node.left, node.right))
        return _each(_OPERATORS[type(node.op)], left, right)
    assert isinstance(node, ast.Call), ast.dump(node)
    assert isinstance(node.func, ast.Name)
    given = [_value(argument, values, unit) for argument in node.args]
    return _FUNCTIONS[node.func.id](unit, *given)


def _each(deed: Callable[[Fraction, Fraction], Fraction], left: Number, right: Number) -> Number:
    if isinstance(left, list):
        assert isinstance(right, Fraction)
        return [deed(one, right) for one in left]
    return [deed(left, one) for one in right] if isinstance(right, list) else deed(left, right)


def _nearest(value: Fraction, unit: Fraction) -> Fraction:
    away = floor(abs(value) / unit + Fraction(1, 2)) * unit
    return -away if value < 0 else away


def _apportion(unit: Fraction, total: Fraction, shares: list[Fraction]) -> list[Fraction]:
    parts = [floor(share / unit) * unit for share in shares]
    rests = [share - part for share, part in zip(shares, parts, strict=True)]
    spare = (total - sum(parts)) / unit
    assert 0 <= spare <= len(parts)
    for position in sorted(range(len(parts)), key=lambda at: (-rests[at], at))[: int(spare)]:
        parts[position] += unit
    return parts


def _split(unit: Fraction, amount: Fraction, weights: list[Fraction]) -> list[Fraction]:
    if amount == 0:
        return [Fraction(0)] * len(weights)
    whole = sum(abs(weight) for weight in weights)
    parts = _apportion(unit, abs(amount), [abs(amount) * abs(weight) / whole for weight in weights])
    return [-part for part in parts] if amount < 0 else parts


_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "sum": lambda unit, several: sum(several, Fraction(0)),
    "round": lambda unit, value: _nearest(value, unit),
    "nearest": lambda unit, value, increment: _nearest(value, increment),
    "split": _split,
    "apportion": _apportion,
}
