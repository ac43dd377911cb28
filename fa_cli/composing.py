"""What Hydra must know, and what a command line composes with it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from fa_cli import hydra_messages, naming, tally
from fa_cli.config import WITH_OPTIONS
from fa_cli.data import load_datasets
from fa_cli.errors import UserError
from fa_cli.folders import folder_of
from fa_cli.layers import load_layers
from fa_cli.models import load_models
from fa_cli.probes import load_metrics
from fa_cli.rules import load_rules
from fa_cli.schema import FOLDER, RunConfig


def register() -> None:
    """Fill the registries, and make known to Hydra what it must know."""
    for load in (load_layers, load_models, load_rules, load_datasets, load_metrics):
        load()
    tell_hydra()


def tell_hydra() -> None:
    """Make the schema's defaults and the resolvers known to Hydra."""
    defaults = OmegaConf.to_container(OmegaConf.structured(RunConfig))
    for group in WITH_OPTIONS:
        del defaults[group]["options"]
    ConfigStore.instance().store(name="schema", node=defaults)
    for resolver in (per_rule, results_folder, experiment_name, run_name, database):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)


@contextmanager
def apart() -> Iterator[None]:
    """Hydra's global state for a while, which then is what it was before."""
    before = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        register()
        yield
    finally:
        Singleton.set_state(before)


def compose(words: Sequence[str]) -> DictConfig:
    """What the words of a command line compose, Hydra's own part included.

    Raises UserError for what Hydra cannot compose.
    """
    try:
        with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
            return hydra.compose("config", overrides=list(words), return_hydra_config=True)
    except Exception as error:
        if not hydra_messages.of_hydra(error):
            raise
        raise UserError(hydra_messages.in_one_line(error)) from None


def sweep_size(words: Sequence[str]) -> int | None:
    """How many runs a command line makes: of a sweep all combinations.

    None where that shows only later, as in a search, or where the words compose nothing.
    """
    typed = [word for word in words if not word.startswith("-")]
    if "--config-dir" in words:
        return None
    try:
        whole = compose([word for word in typed if "," not in word])  # one run has one value
        sweeper = sweeper_of(whole.hydra)
        if not is_grid(sweeper):
            return None
        params = sweeper.get("params") or {}
        said = {key: f"{key}={value}" for key, value in params.items()}
        said |= {word.split("=", 1)[0]: word for word in typed}
        parsed = OverridesParser.create().parse_overrides([*said.values()])
        sizes = [len([*one.sweep_iterator()]) for one in parsed if one.is_sweep_override()]
    except (UserError, HydraException):
        return None
    return prod(sizes)


def sweeper_of(state: DictConfig) -> DictConfig:
    """Hydra's sweeper, in its own part of a config; raises UserError where there is none."""
    if not state.sweeper:
        raise UserError("hydra.sweeper has no value: leave it away, or type hydra/sweeper=basic")
    return state.sweeper


def is_grid(sweeper: Mapping) -> bool:
    """Whether a sweeper makes all combinations of values, as Hydra's own does."""
    return sweeper["_target_"].endswith(".BasicSweeper")


def check_sweep(state: DictConfig, words: Sequence[str]) -> None:
    """Raise UserError for what a sweep's YAML file says and Hydra would pass over in silence.

    `state`: Hydra's own part of what was composed, for these words of the command line.
    """
    sweeper, several = sweeper_of(state), str(state.mode).endswith("MULTIRUN")
    params = sweeper.get("params") or {}
    single = any(word.lstrip("+") == "hydra.mode=RUN" for word in words)
    if params and not several and not single:
        raise UserError(
            "hydra.sweeper.params is there, but this is a single run: write `mode: MULTIRUN` below "
            "`hydra:` in your YAML file, or add -m"
        )
    for key, value in params.items():
        if OmegaConf.is_list(value) and is_grid(sweeper):
            values = ",".join(map(str, value))
            tally.add(tally.STOPPING)  # all runs are wrong
            raise UserError(
                f"hydra.sweeper.params.{key} is a list: write {key}: {values} for several values, "
                f"{key}: '[{values}]' for one"
            )


def per_rule(table: Mapping, *, _root_: DictConfig) -> Any:
    """`${per_rule:{bp: 0.1, fa: 0.2, other: 0.1}}` in YAML: the value for the run's rule."""
    value = table.get(_root_.rule.name, table.get("other"))
    return OmegaConf.create(value) if isinstance(value, list) else value


def results_folder(*, _root_: DictConfig) -> str:
    """`${results_folder:}`: where results go; raises UserError where `outputs` names no folder."""
    return str(folder_of("outputs", _root_.outputs))


def database(name: str, *, _root_: DictConfig) -> str:
    """`${database:NAME}`: a database of Optuna among the results, whose folder is made."""
    folder = folder_of("outputs", _root_.outputs)
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder}/{name}.db"


def experiment_name(*, _root_: DictConfig) -> str:
    """`${experiment_name:}`: the first part of a run's folder."""
    return (_root_.hydra.runtime.choices.experiment or "custom").replace("/", "_")


def run_name(*, _root_: DictConfig) -> str:
    """`${run_name:}`: the second part, the rule and whatever else was typed (naming.py)."""
    return naming.run_name(_root_.rule.name, list(_root_.hydra.overrides.task))
