"""Recursion without Python's stack, which data of a recursive type could exhaust."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def unwind(step: Callable[[Part], Generator[Part, Result, Result]], whole: Part) -> Result:
    """Run a step on a whole; it yields each part whose result it needs, and is sent that."""
    stack = [step(whole)]
    result: Result | None = None
    while True:
        try:
            # A generator is started with None, and goes on with the result of what it yielded.
            part = stack[-1].send(result)  # type: ignore[arg-type]
        except StopIteration as ended:
            stack.pop()
            result = ended.value
            if not stack:
                return ended.value  # type: ignore[no-any-return]
        else:
            stack.append(step(part))
            result = None
