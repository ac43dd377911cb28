"""What the code of the package promises its readers and ruff cannot check."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick
PACKAGE = Path(__file__).parents[1] / "fa_cli"
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LONGEST = 60  # lines of a function


def nodes(kind: type | tuple) -> list:
    """All nodes of a kind, with the place of each."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kind):
                found.append((f"{path.relative_to(PACKAGE)}:{node.lineno}", node))
    return found


def inside(node: ast.AST, kind: type | tuple) -> bool:
    """Whether a node holds another of a kind."""
    return any(isinstance(part, kind) for part in ast.walk(node) if part is not node)


def test_no_comprehension_in_another():
    """Nor one with two loops."""
    comprehensions = nodes(COMPREHENSIONS)
    nested = [place for place, node in comprehensions if inside(node, COMPREHENSIONS)]
    double = [place for place, node in comprehensions if len(node.generators) > 1]
    assert len(comprehensions) > 50 and nested == double == []


def test_no_assignment_in_a_lambda():
    """One idea a line."""
    assert [place for place, node in nodes(ast.Lambda) if inside(node, ast.NamedExpr)] == []


def test_no_function_is_too_long_to_see():
    """It fits on a screen."""
    functions = nodes(ast.FunctionDef)
    long = [place for place, node in functions if node.end_lineno - node.lineno >= LONGEST]
    assert len(functions) > 200 and long == []
