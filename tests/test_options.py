"""Options are checked by their annotations: what can be checked, what fits, what is told."""

from typing import Annotated, Any, Literal

import pytest

from fa_cli.errors import UserError
from fa_cli.options import (
    Count,
    Expected,
    Option,
    Pair,
    Positive,
    Words,
    check,
    defaults_of,
    options_of,
)

pytestmark = pytest.mark.quick
EVEN = Annotated[Count, Expected("an even number", lambda value: value % 2 == 0)]
CASES = [  # annotation, a value that fits, one that does not, what is told
    (int, 3, 3.5, "expected a whole number"),
    (int, -3, True, "expected a whole number"),
    (float, -0.5, "much", "expected a number"),
    (float, 3, float("nan"), "expected a number"),
    (bool, True, 1, "expected true or false"),
    (str, "word", 5, "expected a word"),
    (Positive, 1e-9, 0, "expected a number above 0"),
    (Positive, 3, 1e300, "expected a number above 0"),
    (Count, 1, 0, "expected a whole number of at least 1"),
    (Count | None, None, 0, "expected a whole number of at least 1"),
    (Literal["a", "b"], "a", "c", "choose from: a, b"),
    (Literal[1, 2], 2, "1", "choose from: 1, 2"),
    (list[int], [1, 2], [1, "a"], "expected a whole number"),
    (list[float], [], 5, "expected a list"),
    (Pair, [0, 1], [0, 1, 2], "expected two numbers"),
    (EVEN, 4, 3, "expected an even number"),
    (EVEN, 2, 0, "expected a whole number of at least 1"),
]


@pytest.mark.parametrize(("kind", "right", "wrong", "said"), CASES)
def test_a_value_fits_its_annotation_or_is_told(kind, right, wrong, said):
    """In one line that names the key."""
    check("rule.option", right, Option(kind))
    with pytest.raises(UserError, match=r"rule\.option=") as error:
        check("rule.option", wrong, Option(kind))
    assert said in str(error.value)


def test_options_are_the_arguments_after_the_given_ones():
    """With their defaults, where they have some."""

    def function(net, signals, gain: float, steps: Count = 3):
        """A rule."""

    options = options_of(function, given=2)
    assert list(options) == ["gain", "steps"] and defaults_of(options) == {"steps": 3}


def test_annotations_that_are_put_off():
    """As `from __future__ import annotations` does: they are checked all the same."""
    space: dict[str, Any] = {}
    code = "from __future__ import annotations\ndef rule(net, gain: float): pass"
    exec(code, space)  # as a file of a person's
    with pytest.raises(UserError, match="expected a number"):
        check("rule.gain", "much", options_of(space["rule"], given=1)["gain"])


@pytest.mark.parametrize("annotation", [None, dict, "set[int]"])
def test_what_cannot_be_checked_is_refused_at_once(annotation):
    """When the function is registered, not when a run is tried."""

    def function(gain):
        """A rule."""

    function.__annotations__ = {} if annotation is None else {"gain": annotation}
    with pytest.raises(UserError, match="its option gain needs an annotation"):
        options_of(function)


def test_words_of_an_option():
    """They are told to a person, and change nothing of what is checked."""

    gain, size = Annotated[float, Words("how strong")], Annotated[Count, Words("how many")]

    def rule(net, signals, gain: gain, size: size = 3):
        """A rule."""

    options = options_of(rule, given=2)
    assert [option.words for option in options.values()] == ["how strong", "how many"]
    for name, wrong in (("gain", "much"), ("size", 0), ("size", "a")):
        with pytest.raises(UserError, match=f"rule.{name}={wrong}: expected"):
            check(f"rule.{name}", wrong, options[name])
    check("rule.gain", 0.5, options["gain"])
