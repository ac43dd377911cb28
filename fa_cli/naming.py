"""What a run's folder is called: its rule and whatever else was typed, each value in one spelling.

`optimizer.learning_rate=1e-3`, `.001` and `0.001` are one run. Names keep to letters, digits and
`._-=,+`, which shells, rsync and other file systems leave alone: a list is written +64+20+10, and
what is more than a list of words or numbers as a short hash.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fa_cli.results.identity import ELSEWHERE

NAMED_APART = ("experiment", "sweep", "rule", *ELSEWHERE)
LONGEST = 200  # characters of a name


def override(key: str, value: Any) -> str:
    """`key=value` as a word that Hydra reads back as it is, whatever the value has in it."""
    plain = re.fullmatch(r"[-+~./\w]+", str(value), re.ASCII)
    return f"{key}={value if plain else quoted(str(value))}"


def quoted(text: str) -> str:
    """A text in Hydra's quotes."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text, Quote.single).with_quotes()


def run_name(rule: str, typed: Sequence[str]) -> str:
    """The name for a rule and the overrides that were typed; of one key the last counts."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    values = {}
    for override in OverridesParser.create().parse_overrides(list(typed)):
        key = override.key_or_group
        if key not in NAMED_APART:
            values[key] = None if override.is_delete() else f"{key}={spelled(override.value())}"
    words = [value or f"without-{key}" for key, value in values.items()]
    return shortened(",".join([f"rule={spelled(rule)}", *sorted(words)]).replace("/", "_"))


def spelled(value: Any) -> str:
    """A value in the one spelling that it has in names."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list) and all(not isinstance(inner, list | dict) for inner in value):
        return "".join(f"+{spelled(inner)}" for inner in value) or "+"
    text = value if isinstance(value, str) else getattr(value, "text", None)
    if text is not None and re.fullmatch(r"[A-Za-z0-9._-]+", text):
        return text
    return digest(json.dumps(value, default=str, sort_keys=True))


def number(value: float) -> str:
    """A number without exponent, a whole one without point."""
    if isinstance(value, int) or not np.isfinite(value):
        return str(value)
    return np.format_float_positional(value, trim="-")


def shortened(name: str) -> str:
    """A name that file systems take."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 20]}-{digest(name)}"


def digest(text: str) -> str:
    """A short hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def earlier_name(rule: str, typed: Sequence[str]) -> str:
    """What earlier versions called the same run: the words as they were typed."""
    words = [word.lstrip("+") for word in typed]
    differing = sorted(word for word in words if re.split("[=@]", word)[0] not in NAMED_APART)
    name = ",".join([f"rule={rule}", *differing]).replace("/", "_").replace(" ", "")
    return shortened(name)
