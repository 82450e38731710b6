"""A measure of work that is the same on every machine: how many instructions of the program a call runs."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import billing_api

OUR_CODE = str(Path(billing_api.__file__).parent)
# Here stand the methods that dataclasses are given, such as the comparison of two.
GENERATED = "<string>"
TraceFunction: TypeAlias = Callable[[FrameType, str, object], object]


def steps(call: Callable[[], object]) -> int:
    """How many instructions of our own code the call runs, those of our dataclasses included."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        nonlocal count
        if event == "call":
            if not frame.f_code.co_filename.startswith((OUR_CODE, GENERATED)):
                return None
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
