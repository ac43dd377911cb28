"""From what Hydra composed to a checked `RunConfig`; every mistake becomes one line that names the key and what it may be."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from fa_cli.backend import BACKENDS
from fa_cli.data import DATASETS, load_datasets
from fa_cli.data.fetch import default_folder
from fa_cli.errors import UserError, suggest
from fa_cli.models import MODELS
from fa_cli.network import ACTIVATIONS
from fa_cli.probes import METRICS
from fa_cli.rules import RULES, load_rules
from fa_cli.schema import (
    BackendConfig,
    DatasetConfig,
    ModelConfig,
    PhaseConfig,
    RuleConfig,
    RunConfig,
    per_layer,
)
from fa_cli.spiking import check_spiking

HERE = Path(__file__).parent
FOLDER = (
    HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf"
)  # in a wheel, or beside the package in a checkout

NAMED_APART = (
    "experiment",
    "sweep",
    "outputs",
    "data_dir",
    "resume",
    "rule",
)  # overrides that a run's folder does not repeat
WITH_OPTIONS = {
    "model": ModelConfig,
    "rule": RuleConfig,
    "dataset": DatasetConfig,
    "backend": BackendConfig,
}
INFINITY = float("inf")
KINDS = {
    "integer": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "boolean": "true or false",
}
RANGES = {  # key: least, most, and whether the least itself is allowed
    "steps": (1, INFINITY, True),
    "epochs": (0, INFINITY, False),
    "batch_size": (1, INFINITY, True),
    "model.bias_scale": (0, INFINITY, True),
    "optimizer.learning_rate": (0, INFINITY, True),
    "optimizer.weight_decay": (0, INFINITY, True),
    "optimizer.momentum": (0, 1, True),
    "record.every": (1, INFINITY, True),
    "record.examples": (2, INFINITY, True),
    "record.receptive_fields": (0, INFINITY, True),
    "record.audit": (0, INFINITY, True),
    "record.checkpoint_seconds": (0, INFINITY, True),
}
CHOICES = {
    "dtype": ("float32", "float64"),
    "model.hidden": ACTIVATIONS,
    "model.output": ACTIVATIONS,
    "model.weight_distribution": ("uniform", "normal"),
    "rule.feedback_distribution": ("uniform", "normal"),
}


def register() -> None:
    """Make the schema's defaults and the resolver `per_rule` known to Hydra, and fill the registries."""
    load_rules()
    load_datasets()
    defaults = OmegaConf.to_container(OmegaConf.structured(RunConfig))
    for group in WITH_OPTIONS:
        del defaults[group]["options"]
    ConfigStore.instance().store(name="schema", node=defaults)
    for resolver in (per_rule, experiment_name, run_name):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)


def per_rule(table: Mapping, *, _root_: DictConfig) -> Any:
    """`${per_rule:{bp: 0.1, fa: 0.2, other: 0.1}}` in YAML: the value for the run's rule."""
    value = table.get(_root_.rule.name, table.get("other"))
    return OmegaConf.create(value) if isinstance(value, list) else value


def experiment_name(*, _root_: DictConfig) -> str:
    """`${experiment_name:}`: the first part of a run's folder."""
    return (_root_.hydra.runtime.choices.experiment or "custom").replace("/", "_")


def run_name(*, _root_: DictConfig) -> str:
    """`${run_name:}`: the second part, the rule and whatever else was typed, such as `rule=fa,batch_size=10`."""
    typed = [word.lstrip("+") for word in _root_.hydra.overrides.task]
    differing = sorted(word for word in typed if re.split("[=@]", word)[0] not in NAMED_APART)
    name = ",".join([f"rule={_root_.rule.name}", *differing]).replace("/", "_").replace(" ", "")
    return (
        name
        if len(name) <= 200
        else f"{name[:180]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    )


def resolve(composed: DictConfig, typed: Sequence[str]) -> dict:
    """The composed config as plain values. Of `steps` and `epochs`, the one among the `typed` overrides replaces the other."""
    try:
        plain = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(explain(error)) from None
    for key in (known.name for known in fields(RunConfig)):
        if key not in plain:
            raise UserError(
                f"the run has no {key}: take ~{key} away, or give it a value in your YAML file"
            )
    for group in WITH_OPTIONS:
        if not isinstance(plain[group], dict):
            raise UserError(
                f"{group}={plain[group]}: expected a group, such as {group}=NAME; `fa-run --help` lists the names"
            )
    given = [
        key
        for key in ("steps", "epochs")
        if any(word.lstrip("+").startswith(f"{key}=") for word in typed)
    ]
    if len(given) == 1:
        plain["epochs" if given == ["steps"] else "steps"] = None
    if (plain["steps"] is None) == (plain["epochs"] is None) and not plain["phases"]:
        raise UserError("give the length of the run as one of steps=N and epochs=N")
    return plain


def check(plain: Mapping) -> RunConfig:
    """A resolved config as typed dataclasses, every name known and every number in range; raises UserError otherwise."""
    plain = {**plain}
    allowed = {
        "model": MODELS.find(name_in(plain, "model")).options,
        "rule": {
            key: kind for name in rules_of(plain) for key, kind in RULES.find(name).options.items()
        },
        "dataset": DATASETS.find(name_in(plain, "dataset")).options,
        "backend": options_of(BACKENDS.find(name_in(plain, "backend"))),
    }
    for group, schema in WITH_OPTIONS.items():
        known = {field.name for field in fields(schema)} - {"options"}
        extra = {key: value for key, value in plain[group].items() if key not in known}
        options = {
            key: option(f"{group}.{key}", value, allowed[group]) for key, value in extra.items()
        }
        for key in allowed[group].keys() - options.keys():
            raise UserError(
                f"{group}={plain[group]['name']} needs {group}.{key}: add it to its YAML file, or type +{group}.{key}=..."
            )
        plain[group] = {key: value for key, value in plain[group].items() if key in known} | {
            "options": options
        }
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RunConfig), plain))
    except OmegaConfBaseException as error:
        raise UserError(explain(error)) from None
    check_values(config)
    if config.model.name == "spiking":
        check_spiking(config, rules_of(plain))
    config.data_dir = config.data_dir or default_folder()
    return config


def name_in(plain: Mapping, group: str) -> str:
    """The registered name in a group's node."""
    return str(plain[group].get("name"))


def rules_of(plain: Mapping) -> list[str]:
    """The rules of a run: its own, and those of its phases."""
    phases = plain["phases"] if isinstance(plain["phases"], list) else []
    return [
        name_in(plain, "rule"),
        *(phase["rule"] for phase in phases if isinstance(phase, dict) and phase.get("rule")),
    ]


def options_of(backend: type) -> dict[str, type]:
    """The keyword options of a backend's constructor."""
    return {
        key: kind
        for key, kind in backend.__init__.__annotations__.items()
        if key not in ("dtype", "return")
    }


def option(key: str, value: Any, allowed: Mapping[str, Any]) -> Any:
    """The value of a rule's, dataset's or backend's own option, checked against its annotation."""
    group, name = key.split(".", 1)
    if name not in allowed:
        common = {field.name for field in fields(WITH_OPTIONS[group])} - {"options"}
        raise UserError(
            f"no key is called {key}: {suggest(key, [f'{group}.{known}' for known in {*allowed, *common}])}"
        )
    kind = allowed[name]
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"{key}={value}: choose from: {', '.join(get_args(kind))}")
    elif kind is float:
        if not is_number(value) or value <= 0:
            raise UserError(f"{key}={value}: expected a number above 0")
    elif kind in (int, int | None):
        if not (isinstance(value, int) and not isinstance(value, bool) and value >= 0) and not (
            value is None and kind is not int
        ):
            raise UserError(f"{key}={value}: expected a whole number of at least 0")
    elif kind is bool:
        if not isinstance(value, bool):
            raise UserError(f"{key}={value}: expected true or false")
    elif kind == list[float] and not (
        isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    ):
        raise UserError(f"{key}={value}: expected two numbers, such as [0,1]")
    return value


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < INFINITY


def is_pair(value: Any) -> bool:
    """Whether a value is a list of two numbers of at least 0."""
    return (
        isinstance(value, list) and len(value) == 2 and all(is_number(v) and v >= 0 for v in value)
    )


def check_values(config: RunConfig) -> None:
    """Raise UserError for the first value of a typed config that is out of range or an unknown name."""
    for key, (least, most, inclusive) in RANGES.items():
        value = lookup(config, key)
        if value is not None and not (least < value < most or (inclusive and value == least)):
            bound = f"at least {least}" if inclusive else f"above {least}"
            raise UserError(
                f"{key}={value}: expected a number {bound}{f' and below {most}' if most < INFINITY else ''}"
            )
    for key, known in CHOICES.items():
        if lookup(config, key) not in known:
            raise UserError(
                f"{key}={lookup(config, key)}: {suggest(str(lookup(config, key)), known)}"
            )
    for name in config.record.metrics:
        METRICS.find(name)
    sizes = config.model.sizes
    if len(sizes) < 2 or not all(is_number(size) and size >= 1 for size in sizes):
        raise UserError(
            f"model.sizes={sizes}: expected at least two layers of at least one unit each, such as [30,20,10]"
        )
    for key in ("model.sparsity", "rule.feedback_sparsity"):
        value = lookup(config, key)
        if not all(
            is_number(v) and 0 <= v < 1 for v in (value if isinstance(value, list) else [value])
        ):
            raise UserError(f"{key}={value}: expected fractions from 0 to below 1")
    per_layer("model.weight_scale", config.model.weight_scale, range(len(sizes) - 1))
    if not all(map(is_pair, config.optimizer.schedule)):
        raise UserError(
            f"optimizer.schedule={config.optimizer.schedule}: expected pairs of when and rate, such as [[20,0.001],[40,0.0001]]"
        )
    for index, phase in enumerate(config.phases):
        check_phase(index, phase, len(sizes) - 1)
    seeds_of(config)


def check_phase(index: int, phase: PhaseConfig, layers: int) -> None:
    """Raise UserError for a phase without a proper length, or one that freezes layers that do not exist."""
    if (phase.steps is None) == (phase.epochs is None):
        raise UserError(f"phases[{index}]: give its length as one of steps and epochs")
    if (phase.steps or phase.epochs) <= 0:
        raise UserError(
            f"phases[{index}]: its length is {phase.steps or phase.epochs}, expected a number above 0"
        )
    if not all(is_number(l) and 0 <= l < layers for l in phase.freeze):
        raise UserError(
            f"phases[{index}].freeze={phase.freeze}: expected layers of weights from 0 to {layers - 1}"
        )


def seeds_of(config: RunConfig) -> list[int]:
    """`seeds` as a list: a number n means 0 .. n-1."""
    seeds = config.seeds
    if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds > 0:
        return list(range(seeds))
    whole = isinstance(seeds, list) and all(
        isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds
    )
    if not whole or not seeds or len(set(seeds)) < len(seeds):
        raise UserError(
            f"seeds={seeds}: expected a number of seeds such as 20, or a list of different ones such as [3,7]"
        )
    return seeds


def lookup(config: Any, key: str) -> Any:
    """`lookup(config, "optimizer.momentum")`."""
    for name in key.split("."):
        config = getattr(config, name)
    return config


def explain(error: OmegaConfBaseException) -> str:
    """One line for what OmegaConf found wrong in a value or a key."""
    key = error.full_key or ""
    if isinstance(error, ConfigKeyError):
        return f"no key is called {key}: {suggest(key, known_keys())}"
    first = str(error).splitlines()[0]
    if found := re.match(
        r"Value '(.*)' of type '.*' (?:could not be converted to|is not a.*?) (\w+)", first
    ):
        return f"{key}={found[1]}: expected {KINDS.get(found[2].lower(), found[2])}"
    return f"{key}: {first}" if key else first


def known_keys() -> list[str]:
    """Every dotted key of the schema."""

    def walk(node: Mapping, prefix: str) -> list[str]:
        keys = []
        for name, value in node.items():
            keys.append(prefix + name)
            if isinstance(value, dict):
                keys += walk(value, f"{prefix}{name}.")
        return keys

    return [
        key
        for key in walk(OmegaConf.to_container(OmegaConf.structured(RunConfig)), "")
        if not key.endswith("options")
    ]
