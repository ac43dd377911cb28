"""The options that a rule, dataset, layer, model or backend adds to its YAML file.

An option is checked by its annotation: int, float, bool, str, Literal[...], list[...], `... |
None`, or one of the kinds below, which say more; `Annotated[kind, Words("...")]` says to a person
what it is. An argument with a default may be left out of the YAML file.
"""

import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from fa_cli.errors import UserError, suggest

REQUIRED = inspect.Parameter.empty
VAST = 1e18  # no number of a config is as large


class Expected(NamedTuple):
    """What a value must be, beyond its type."""

    told: str  # after "expected "
    holds: Callable[[Any], bool]


class Words(str):
    """What an option is, for `fa-run keys`."""


Positive = Annotated[float, Expected("a number above 0", lambda value: value > 0)]
Fraction = Annotated[float, Expected("a number above 0, up to 1", lambda value: 0 < value <= 1)]
Whole = Annotated[int, Expected("a whole number of at least 0", lambda value: value >= 0)]
Count = Annotated[int, Expected("a whole number of at least 1", lambda value: value >= 1)]
Pair = Annotated[list[float], Expected("two numbers, such as [0,1]", lambda value: len(value) == 2)]
Sizes = Annotated[
    list[Count],
    Expected(
        "at least two layers of at least one unit each, such as [30,20,10]",
        lambda value: len(value) >= 2,
    ),
]

TYPES: dict[Any, Expected] = {
    bool: Expected("true or false", lambda value: isinstance(value, bool)),
    int: Expected("a whole number", lambda value: is_number(value) and isinstance(value, int)),
    float: Expected("a number", lambda value: is_number(value)),
    str: Expected("a word", lambda value: isinstance(value, str)),
    NoneType: Expected("null", lambda value: value is None),
}


class Option(NamedTuple):
    """One option: its annotation, and its default where it has one."""

    kind: Any
    default: Any = REQUIRED

    @property
    def words(self) -> str:
        """What it says to a person; nothing where nobody has written it down."""
        said = [more for more in get_args(self.kind)[1:] if isinstance(more, Words)]
        return said[0] if said and get_origin(self.kind) is Annotated else ""


def is_number(value: Any) -> bool:
    """Whether a value is a number that one can compute with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < VAST


def options_of(function: Callable, given: int = 0) -> dict[str, Option]:
    """The options of a function: its arguments but for the first `given`, which the program gives.

    Raises UserError for one that is not annotated, or in a way that cannot be checked.
    """
    parameters = dict(list(inspect.signature(function).parameters.items())[given:])
    kinds = evaluated(function, parameters)
    for name, kind in kinds.items():
        if not can_check(kind):
            raise UserError(
                f"{function.__qualname__}: its option {name} needs an annotation that can be "
                f"checked, such as {name}: float"
            )
    return {name: Option(kind, parameters[name].default) for name, kind in kinds.items()}


def evaluated(function: Callable, parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The annotations of some parameters, also where the file has put off their evaluation."""
    written = {name: parameter.annotation for name, parameter in parameters.items()}
    around = getattr(function, "__globals__", None) or vars(sys.modules[function.__module__])
    return get_type_hints(SimpleNamespace(__annotations__=written), around, include_extras=True)


def can_check(kind: Any) -> bool:
    """Whether `complaint` knows an annotation."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        told = all(isinstance(more, Expected | Words) for more in inner[1:])
        return told and can_check(inner[0])
    if origin in (Union, UnionType, list):
        return all(map(can_check, inner))
    return origin is Literal or kind in TYPES


def complaint(kind: Any, value: Any) -> str:
    """What is told of a value that does not fit an annotation; empty where it fits."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        base, *more = [part for part in inner if not isinstance(part, Words)]
        if not more:
            return complaint(base, value)
        right = not complaint(base, value)
        wrong = [expected.told for expected in more if not right or not expected.holds(value)]
        return f"expected {', '.join(wrong)}" if wrong else ""
    if origin in (Union, UnionType):
        complaints = [complaint(part, value) for part in inner]
        return "" if "" in complaints else complaints[0]
    if origin is Literal:
        fits = any(type(value) is type(choice) and value == choice for choice in inner)
        return "" if fits else f"choose from: {', '.join(map(str, inner))}"
    if origin is list:
        if not isinstance(value, list):
            return "expected a list"
        return next(filter(None, (complaint(inner[0], element) for element in value)), "")
    return "" if TYPES[kind].holds(value) else f"expected {TYPES[kind].told}"


def check(key: str, value: Any, option: Option) -> None:
    """Raise UserError for a value that does not fit."""
    if told := complaint(option.kind, value):
        shown = "null" if value is None else value
        raise UserError(f"{key}={shown}: {told}")


def listed(value: Any) -> list[str]:
    """The words of a key that takes one or a list of them; none where it is null."""
    if value is None:
        return []
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return [str(word) for word in value] if several else [str(value)]


def true_or_false(key: str, value: Any) -> bool:
    """The value of a switch; raises UserError where it is neither."""
    check(key, value, Option(bool))
    return value


def defaults_of(options: Mapping[str, Option]) -> dict[str, Any]:
    """The defaults of those that have one."""
    return {name: option.default for name, option in options.items() if option.default != REQUIRED}


def check_given(
    key: str, given: Mapping[str, Any], options: Mapping[str, Option], others: Collection[str] = ()
) -> None:
    """Raise UserError for an unknown option of `key`, or a value that does not fit.

    `others` are further names under the key, for the suggestion.
    """
    for name, value in given.items():
        if name not in options:
            known = [f"{key}.{other}" for other in {*options, *others}]
            raise UserError(f"no key is called {key}.{name}: {suggest(f'{key}.{name}', known)}")
        check(f"{key}.{name}", value, options[name])


def missing(given: Collection[str], options: Mapping[str, Option]) -> list[str]:
    """The options that are not given and have no default."""
    return [name for name in options if name not in {*given, *defaults_of(options)}]
