"""Tests that share one bus take codes of their own: what one publishes, no other counts."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

INTEGRATION = Path(__file__).parents[1] / "integration"


def test_no_two_files_on_the_shared_bus_publish_in_one_province() -> None:
    takers: defaultdict[str, set[str]] = defaultdict(set)
    for file in INTEGRATION.glob("test_*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        if _shares_the_bus(tree):
            for province in _provinces(tree):
                takers[province].add(file.name)
    assert len(takers) > 20
    assert {province: files for province, files in takers.items() if len(files) > 1} == {}


def _shares_the_bus(tree: ast.Module) -> bool:
    """Tell whether a test or fixture of the file takes the fixture `bus`, which isn't its own."""
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    taken = any(
        argument.arg == "bus"
        for each in functions
        if each.name.startswith("test_") or each.decorator_list
        for argument in each.args.args
    )
    return taken and not any(each.name == "bus" for each in functions)


def _provinces(tree: ast.Module) -> set[str]:
    """Return the provinces of which the file makes townships."""
    named = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = (
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "townships"
    )
    found = (
        each.value if isinstance(each, ast.Constant) else named.get(each.id)
        for each in calls
        if isinstance(each, ast.Constant | ast.Name)
    )
    return {str(each) for each in found if each}
