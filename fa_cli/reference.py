"""`fa-run keys` and `fa-run metrics`: what can be typed and what is measured, in words."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from omegaconf import MISSING, DictConfig

from fa_cli import composing, config, options, terminal
from fa_cli.errors import UserError, suggest
from fa_cli.layers import LAYERS
from fa_cli.options import Option, Words, listed
from fa_cli.probes import METRICS
from fa_cli.results.reading import read_yaml
from fa_cli.schema import FOLDER, MANY, PhaseConfig, Range, RunConfig


class Key(NamedTuple):
    """A key of a run, for a person."""

    name: str  # dotted
    of: str  # the rule, dataset, ... whose option it is; empty for a key of all runs
    default: str
    may_be: str
    words: str
    others: Mapping[str, str] = {}  # group=choice -> its default, where its YAML file has another

    @property
    def defaults(self) -> str:
        """The default, and those of the choices that have another."""
        choices: dict[str, list[str]] = {}
        for choice, value in self.others.items():
            choices.setdefault(value, []).append(choice)
        others = [f"{value} with {', '.join(which)}" for value, which in choices.items()]
        return "; ".join(filter(None, [self.default, *others]))


def tell_keys(cfg: DictConfig) -> None:
    """Print the keys that have one of some words in them; raises UserError where none does."""
    composing.register()
    for key in with_words(all_keys(), listed(cfg.names)):
        of = f" ({key.of})" if key.of else ""
        default = f"default {key.defaults}" if key.defaults else ""
        told = ", ".join(filter(None, (key.may_be, default)))
        terminal.out.print(f"{key.name}{of}: {told}" if told else f"{key.name}{of}")
        terminal.out.print(f"    {key.words}")


def tell_metrics(cfg: DictConfig) -> None:
    """Print what some metrics, or all, measure; raises UserError where one is unknown."""
    composing.register()
    names = [name if name in METRICS else metric_of(name) for name in listed(cfg.names)]
    for name in names:
        METRICS.find(name)
    for name in names or sorted(METRICS):
        first, *rest = (inspect.getdoc(METRICS[name]) or "").split("\n")
        terminal.out.print(f"{name}: {first}")
        for line in filter(None, rest):
            terminal.out.print(f"    {line}")


def metric_of(column: str) -> str:
    """The metric that measures a column such as angle_to_bp_1 or validation_error."""
    stem = re.sub(r"_\d+$", "", column).replace("validation_", "test_")
    for name in METRICS:
        columns = (inspect.getdoc(METRICS[name]) or "").partition("Columns:")[2]
        if stem == name or stem in re.findall(r"`(\w+?)(?:_<l>)?`", columns):
            return name
    return column


def with_words(keys: Sequence[Key], words: Sequence[str]) -> list[Key]:
    """The keys whose name begins with a word, or else has it in it; UserError where none has."""
    names = [key.name for key in keys]
    near = [*dict.fromkeys(name.split(".")[0] for name in names), *names]
    found: set[str] = set() if words else {*names}
    for word in map(str, words):
        own = {name for name in names if name.startswith(word)} or {n for n in names if word in n}
        if not own:
            raise UserError(f"no key has {word!r} in its name: {suggest(word, near)}")
        found |= own
    return [key for key in keys if key.name in found]


def all_keys() -> list[Key]:
    """Those of all runs, of phases, and of what a run may be made of."""
    chosen = in_files()
    fields = config.keys_of(RunConfig).items()
    found = [of_field(name, known, chosen.get(name, {})) for name, known in fields]
    phases = config.keys_of(PhaseConfig, "phases[].")
    found += [of_field(name, known, {}) for name, known in phases.items()]
    for group, parts in {**config.PARTS, "model.layers[]": LAYERS}.items():
        for name, part in parts.items():
            found += of_options(group, name, part.options, chosen)
    return found


def in_files() -> dict[str, dict[str, str]]:
    """Dotted key -> group=choice -> its value in the YAML file of that choice."""
    found: dict[str, dict[str, str]] = {}
    for group in (*config.WITH_OPTIONS, "optimizer"):
        for path in sorted((FOLDER / group).glob("*.yaml")):
            node = read_yaml(path) or {}
            for name, value in node.get(group, node).items():  # some begin at the top
                if name != "name":
                    choices = found.setdefault(f"{group}.{name}", {})
                    choices[f"{group}={path.stem}"] = shown(value)
    return found


def of_field(name: str, known: Any, chosen: Mapping[str, str]) -> Key:
    """A key of the schema; `chosen`: the values that YAML files give it."""
    value = known.default_factory() if callable(known.default_factory) else known.default
    default = "" if value == MISSING else shown(value)
    choices, within = known.metadata.get("choices"), known.metadata.get("within")
    may_be = ", ".join(choices) if choices else in_range(known.type, within)
    others = {choice: value for choice, value in chosen.items() if value != default}
    return Key(name, "", default, may_be, known.metadata.get("words", ""), others)


def of_options(
    group: str, name: str, known: dict[str, Option], chosen: Mapping[str, Mapping[str, str]]
) -> Iterator[Key]:
    """The options of a rule, dataset, ..., under its name; the default is that of its YAML file."""
    for option, (kind, default) in known.items():
        key, of = f"{group}.{option}", f"{group}={name}"
        told = "" if default is options.REQUIRED else shown(default)
        told = chosen.get(key, {}).get(of, told)
        yield Key(key, of, told, kind_of(kind), known[option].words)


def shown(value: Any) -> str:
    """A value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return f"{{{','.join(f'{name}: {shown(one)}' for name, one in value.items())}}}"
    return f"[{','.join(map(shown, value))}]" if isinstance(value, list) else str(value)


def in_range(kind: Any, within: Range | None) -> str:
    """What a value of the schema may be."""
    if within is None:
        return kind_of(kind)
    bound = f"{'at least' if within.included else 'above'} {within.least:g}"
    return f"{kind_of(kind)}, {bound}" + (f", below {within.most:g}" if within.most < MANY else "")


NAMES = {int: "whole number", float: "number", bool: "true or false", str: "word", Any: ""}


def kind_of(kind: Any) -> str:
    """An annotation in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        told = [more.told for more in inner[1:] if not isinstance(more, Words)]
        return ", ".join(told) or kind_of(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(kind_of(part) for part in inner)
    if origin is list:
        return "list"
    if kind is NoneType:
        return "null"
    return NAMES[kind] if kind in NAMES else ", ".join(map(str, inner)) or "list"


# ---- as pages of the documentation ---------------------------------------------------------------


def keys_page() -> str:
    """All keys as a page in Markdown, a table for each group."""
    lines = [
        "# Keys",
        "",
        "`fa-run keys [PREFIX]` prints these; `tests/test_docs.py` makes this page. An",
        "experiment sets values of its own: `fa-run experiment=NAME --cfg job` shows them.",
    ]
    group = None
    for key in sorted(all_keys(), key=lambda key: (bool(key.of), key.of, "." in key.name)):
        heading = key.of or (key.name.split(".")[0] if "." in key.name else "the run")
        if heading != group:
            group = heading
            lines += [
                "",
                f"## {group}",
                "",
                "| key | may be | default | what |",
                "| --- " * 4 + "|",
            ]
        cells = [f"`{key.name}`", key.may_be, key.defaults, key.words]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """All metrics as a page in Markdown."""
    lines = [
        "# Metrics",
        "",
        "`fa-run metrics [NAME]` prints these; `record.metrics` lists a run's.",
    ]
    for name in sorted(METRICS):
        first, *rest = (inspect.getdoc(METRICS[name]) or "").splitlines()
        lines += ["", f"## {name}", "", first.replace("<l>", "&lt;l&gt;"), *rest]
    return "\n".join(lines) + "\n"
