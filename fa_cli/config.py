"""From what Hydra composed to a checked `RunConfig`.

Every mistake becomes one line that names the key and what it may be.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fa_cli import hydra_messages, options
from fa_cli.backend import BACKENDS
from fa_cli.data import DATASETS
from fa_cli.data.fetch import data_folder
from fa_cli.errors import UserError, complain, suggest
from fa_cli.folders import folder_of
from fa_cli.layers import build_layers, units_of
from fa_cli.models import MODELS
from fa_cli.network import FANS
from fa_cli.options import Option, is_number
from fa_cli.probes import METRICS
from fa_cli.rules import RULES, no_feedback
from fa_cli.schema import (
    INFINITY,
    PLATEAU,
    BackendConfig,
    DatasetConfig,
    ModelConfig,
    OptimizerConfig,
    PhaseConfig,
    Range,
    RecordConfig,
    RuleConfig,
    RunConfig,
    is_scale,
    per_layer,
)

WITH_OPTIONS = {
    "model": ModelConfig,
    "rule": RuleConfig,
    "dataset": DatasetConfig,
    "backend": BackendConfig,
}
PARTS = {"model": MODELS, "rule": RULES, "dataset": DATASETS, "backend": BACKENDS}
GROUPS = (*WITH_OPTIONS.values(), OptimizerConfig, RecordConfig)
LENGTHS = ("steps", "epochs")
EITHER = (LENGTHS, ("model.sizes", "model.layers"))  # the one that is typed wins
MOST_SEEDS = 10**6
LISTS = ("model.sizes", "record.metrics", "phases")


def resolve(composed: DictConfig, typed: Sequence[str]) -> dict:
    """The composed config as plain values.

    Of `steps` and `epochs`, and of `model.sizes` and `model.layers`, the one among the `typed`
    overrides replaces the other; sizes follow from layers.
    """
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(hydra_messages.of_a_value(error)) from None
    for key in (known.name for known in fields(RunConfig)):
        if key not in plain:
            raise UserError(
                f"the run has no {key}: take ~{key} away, or give it a value in your YAML file"
            )
    for group in plain.keys() & {"experiment", "sweep"}:
        raise UserError(
            f"your YAML file of {group} lacks its first line, `# @package _global_`: without it "
            f"its keys are not the run's but those of {group}"
        )
    for group in (*WITH_OPTIONS, "optimizer", "record"):
        if not isinstance(plain[group], dict):
            raise UserError(
                f"{group}={plain[group]}: expected a group, such as {group}=NAME; "
                f"{hydra_messages.GROUPS}"
            )
    for pair in EITHER:
        replace_the_other(plain, pair, typed)
    if (plain["steps"] is None) == (plain["epochs"] is None) and not plain["phases"]:
        raise UserError("give the length of the run as one of steps=N and epochs=N")
    model = plain["model"]
    if (model.get("sizes") is None) == (model.get("layers") is None):
        raise UserError("give the network as one of model.sizes=[...] and model.layers=[...]")
    if model.get("layers") is not None:
        model["sizes"] = units_of(build_layers("model.layers", model["layers"]))
    return plain


def tell_useless(composed: DictConfig, plain: Mapping, typed: Sequence[str]) -> None:
    """Tell a person what counts for nothing, or for something else, after what is typed.

    `composed` is the config before `resolve` has made `plain` of it, which is checked.
    """
    keys, rules = given_keys(typed), [RULES[name] for name in rules_of(plain)]
    for key in sorted(keys.intersection(LENGTHS)) if plain["phases"] else ():
        complain(
            f"{key}={plain[key]} is no length: the phases have lengths of their own; "
            f"'phases=[{{{key}:N}},...]' gives others, phases=[] makes one of them"
        )
    if all(rule.feedback is no_feedback for rule in rules):
        of_b = {f"rule.{one.name}" for one in fields(RuleConfig) if one.name.startswith("feedback")}
        for key in sorted(keys & of_b):
            complain(f"{key} counts for nothing: rule={plain['rule']['name']} has no B")
    schedule = plain["optimizer"]["schedule"]
    taken_over = isinstance(schedule, list) and schedule and "optimizer.schedule" not in keys
    if taken_over and not plain["phases"]:
        for was in (key for key in LENGTHS if composed[key] is not None and plain[key] is None):
            (now,) = {*LENGTHS} - {was}
            complain(
                f"optimizer.schedule={schedule} was meant in {was} and counts in {now}, as the "
                f"length does now: type {was}=N, or a schedule in {now}"
            )


def replace_the_other(plain: dict, pair: tuple[str, str], typed: Sequence[str]) -> None:
    """Of two keys that exclude each other, let the one that is typed replace the other."""
    keys = given_keys(typed)
    given = [key for key in pair if key in keys]
    if len(given) == 1:
        *groups, name = next(key for key in pair if key not in given).split(".")
        node = plain[groups[0]] if groups else plain
        node[name] = None


def given_keys(typed: Sequence[str]) -> set[str]:
    """The keys that are typed with a value."""
    words = [word.lstrip("+") for word in typed if not word.endswith("=null")]
    return {word.split("=", 1)[0] for word in words}


def check(plain: Mapping) -> RunConfig:
    """A resolved config as typed dataclasses, every name known and every number in range.

    Raises UserError otherwise.
    """
    plain, allowed = {**plain}, options_allowed(plain)
    check_lists(plain)
    folder_of("outputs", plain["outputs"])
    for group, schema in WITH_OPTIONS.items():
        known = {field.name for field in fields(schema)} - {"options"}
        given = {key: value for key, value in plain[group].items() if key not in known}
        check_whose(group, plain[group]["name"], given, {*allowed[group], *known})
        options.check_given(group, given, allowed[group], known)
        for key in options.missing(given, allowed[group]):
            raise UserError(
                f"{group}={plain[group]['name']} needs {group}.{key}: "
                f"add it to its YAML file, or type +{group}.{key}=..."
            )
        own = options.defaults_of(allowed[group]) | given
        kept = {key: value for key, value in plain[group].items() if key in known}
        plain[group] = {**kept, "options": own}
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RunConfig), plain))
    except OmegaConfBaseException as error:
        raise UserError(hydra_messages.of_a_value(error)) from None
    check_values(config)
    MODELS[config.model.name].check(config, [RULES[name] for name in rules_of(plain)])
    config.data_dir = data_folder(config.data_dir)
    return config


def check_whose(group: str, name: str, given: Mapping, allowed: Collection[str]) -> None:
    """Raise UserError for an option of another part of the group, as an experiment may give one."""
    for key in (f"{group}.{other}" for other in given if other not in allowed):
        if key in option_keys():
            choices = suggest(key, [f"{group}.{one}" for one in allowed])
            raise UserError(
                f"{key} is no option of the {group} {name}: {choices}; type ~{key} where your "
                "experiment gives it"
            )


def options_allowed(plain: Mapping) -> dict[str, dict[str, Option]]:
    """The options of a run's parts by group: those of a rule include those of its phases' rules."""
    found = {group: parts.find(name_in(plain, group)).options for group, parts in PARTS.items()}
    for name in rules_of(plain):
        found["rule"] = found["rule"] | RULES.find(name).options
    return found


def option_defaults(plain: Mapping) -> dict[str, Any]:
    """The defaults of all options of a run's parts, by dotted key."""
    defaults = {}
    for group, allowed in options_allowed(plain).items():
        for name, value in options.defaults_of(allowed).items():
            defaults[f"{group}.{name}"] = value
    return defaults


def name_in(plain: Mapping, group: str) -> str:
    """The registered name in a group's node."""
    return str(plain[group].get("name"))


def rules_of(plain: Mapping) -> list[str]:
    """The rules of a run: its own, and those of its phases."""
    phases = plain["phases"] if isinstance(plain["phases"], list) else []
    named = [phase for phase in phases if isinstance(phase, dict) and phase.get("rule")]
    return [name_in(plain, "rule"), *(phase["rule"] for phase in named)]


def check_lists(plain: Mapping) -> None:
    """Raise UserError for something else where a list is expected."""
    found = {key: value_at(plain, key) for key in LISTS}
    for index, phase in enumerate(found["phases"] if isinstance(found["phases"], list) else []):
        if isinstance(phase, dict):
            found[f"phases[{index}].freeze"] = phase.get("freeze")
    for key, value in found.items():
        if not isinstance(value, list | None):
            raise UserError(f"{key}={value}: expected a list in brackets, such as [1,2]")


def value_at(plain: Mapping, key: str) -> Any:
    """The value of a dotted key; None where there is none."""
    node: Any = plain
    for name in key.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


# ---- checks of values ----------------------------------------------------------------------------


def check_values(config: RunConfig) -> None:
    """Raise UserError for the first value of a typed config that is out of range or unknown."""
    for key, known in keys_of(RunConfig).items():
        value, choices = lookup(config, key), known.metadata.get("choices")
        if allowed := known.metadata.get("within"):
            check_range(key, value, allowed)
        if choices and value not in choices:
            raise UserError(f"{key}={value}: {suggest(str(value), choices)}")
    for name in config.record.metrics:
        METRICS.find(name)
    if config.model.layers is None:
        options.check("model.sizes", config.model.sizes, Option(options.Sizes))
    for key in ("model.sparsity", "model.dropout", "rule.feedback_sparsity"):
        check_fractions(key, lookup(config, key))
    assert config.model.sizes is not None  # those of layers, where none are given
    layers = len(config.model.sizes) - 1
    scales = {name: dict.fromkeys(range(layers)) for name in FANS}
    per_layer("model.weight_scale", config.model.weight_scale, range(layers), scales)
    per_layer("model.dropout", config.model.dropout, range(1, layers))
    schedule = config.optimizer.schedule
    pairs = isinstance(schedule, list) and all(map(is_pair, schedule))
    if not pairs and schedule != PLATEAU:
        raise UserError(
            f"optimizer.schedule={schedule}: expected pairs of when and rate, such as "
            f"[[20,0.001],[40,0.0001]], or {PLATEAU}"
        )
    for index, phase in enumerate(config.phases):
        check_phase(index, phase, layers)
        if phase.fresh_feedback and config.rule.feedback is not None:
            raise UserError(
                f"phases[{index}].fresh_feedback: rule.feedback says what B is, so none is drawn: "
                "take one of them away"
            )
    if config.record.reconstructions > config.record.examples:
        raise UserError(
            f"record.reconstructions={config.record.reconstructions}: they are of the "
            f"{config.record.examples} held-out images that are looked at while it trains: "
            f"type record.examples={config.record.reconstructions}"
        )
    check_feedback_that_learns(config)
    seeds_of(config)


def keys_of(config: type, prefix: str = "") -> dict[str, Field]:
    """The fields of a config and of its groups, by dotted key."""
    found: dict[str, Field] = {}
    for known in fields(config):
        group = known.default_factory
        if isinstance(group, type) and group in GROUPS:
            found |= keys_of(group, f"{prefix}{known.name}.")
        elif known.name != "options":
            found[f"{prefix}{known.name}"] = known
    return found


def check_range(key: str, value: float | None, allowed: Range) -> None:
    """Raise UserError for a number out of range; null is in every range."""
    if value is None or allowed.least < value < allowed.most:
        return
    if not (allowed.included and value == allowed.least):
        bound = f"{'at least' if allowed.included else 'above'} {allowed.least}"
        below = f" and below {allowed.most}" if allowed.most < INFINITY else ""
        raise UserError(f"{key}={value}: expected a number {bound}{below}")


def check_fractions(key: str, value: Any) -> None:
    """Raise UserError unless a value, or each of a list, is a fraction that leaves something."""
    fractions = value if isinstance(value, list) else [value]
    if not all(is_number(fraction) and 0 <= fraction < 1 for fraction in fractions):
        raise UserError(f"{key}={value}: expected fractions from 0 to below 1")


def check_phase(index: int, phase: PhaseConfig, layers: int) -> None:
    """Raise UserError for a phase without a proper length, or one that freezes layers not there."""
    if (phase.steps is None) == (phase.epochs is None):
        raise UserError(f"phases[{index}]: give its length as one of steps and epochs")
    length = phase.epochs if phase.steps is None else phase.steps
    assert length is not None  # by now
    if length <= 0:
        raise UserError(f"phases[{index}]: its length is {length}, expected a number above 0")
    if not all(is_number(l) and 0 <= l < layers for l in phase.freeze):
        raise UserError(
            f"phases[{index}].freeze={phase.freeze}: "
            f"expected layers of weights from 0 to {layers - 1}"
        )


def check_feedback_that_learns(config: RunConfig) -> None:
    """Raise UserError where W would roll on and B would not, and where rows of B would part."""
    momentum, neurons = config.optimizer.momentum, config.rule.feedback_neurons
    for name in (config.rule.name, *(phase.rule for phase in config.phases if phase.rule)):
        if RULES[name].adapt and momentum:
            raise UserError(
                f"optimizer.momentum={momentum}: the feedback of rule={name} learns without "
                "momentum: type optimizer.momentum=0"
            )
        if RULES[name].adapt and neurons is not None:
            raise UserError(
                f"rule.feedback_neurons={neurons}: the feedback of rule={name} learns for each "
                "unit: type rule.feedback_neurons=null"
            )


def is_pair(value: Any) -> bool:
    """Whether a value is a list of two numbers of at least 0."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_scale, value))


def seeds_of(config: RunConfig) -> list[int]:
    """`seeds` as a list: a number n means 0 .. n-1."""
    seeds = config.seeds
    if is_whole(seeds) and 0 < seeds < MOST_SEEDS:
        return list(range(seeds))
    listed = isinstance(seeds, list) and all(is_whole(seed) and 0 <= seed < 2**63 for seed in seeds)
    if not listed or not seeds or len(set(seeds)) < len(seeds):
        raise UserError(
            f"seeds={seeds}: expected a number of seeds such as 20, "
            "or a list of different ones such as [3,7]"
        )
    return seeds


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def option_keys() -> set[str]:
    """The dotted keys of all options of all parts."""
    keys: set[str] = set()
    for group, parts in PARTS.items():
        for part in parts.values():
            keys.update(f"{group}.{name}" for name in part.options)
    return keys


def lookup(config: Any, key: str) -> Any:
    """`lookup(config, "optimizer.momentum")`."""
    for name in key.split("."):
        config = getattr(config, name)
    return config


def known_keys() -> list[str]:
    """Every dotted key of the schema, and its groups."""
    keys = keys_of(RunConfig)
    return [*keys, *dict.fromkeys(key.split(".")[0] for key in keys if "." in key)]
