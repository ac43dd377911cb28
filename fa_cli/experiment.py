"""One run from its composed config to its results: builds the parts by name, trains, writes."""

import contextlib
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from fa_cli import record, terminal
from fa_cli.backend import BACKENDS, Backend
from fa_cli.config import check, resolve, seeds_of
from fa_cli.data import DATASETS, Setting
from fa_cli.errors import UserError, tally
from fa_cli.files import locked
from fa_cli.models import MODELS
from fa_cli.network import Network, build_feedback
from fa_cli.rules import RULES
from fa_cli.schema import RunConfig
from fa_cli.spiking import check_images
from fa_cli.streams import generator
from fa_cli.train import Phase, train

PACKAGES = ("fa-run", "numpy", "scipy", "pandas", "hydra-core", "omegaconf")


def run(composed: DictConfig) -> float:
    """Train what Hydra composed, in the folder that Hydra chose, and show the summary; a finished run is only shown.

    Returns the final error or loss, mean over seeds, for a sweeper that minimises it; inf where another process has the run.
    """
    hydra = HydraConfig.get()
    folder, typed = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
    try:
        plain = resolve(composed, typed)
        config, identity = check(plain), record.identity(plain)
        if config.resume and record.finished(folder, identity):
            return tell(
                hydra,
                folder,
                record.summarise(record.load(folder).metrics),
                None,
                "finished before",
            )
        with locked(folder) as alone:
            if not alone:
                terminal.out.print(
                    f"{terminal.shown(folder)}  is being trained by another process: left to it"
                )
                tally("in training elsewhere")
                return float("inf")
            if config.resume and record.finished(folder, identity):  # by now
                return tell(
                    hydra,
                    folder,
                    record.summarise(record.load(folder).metrics),
                    None,
                    "finished before",
                )
            texts = {
                "config.yaml": OmegaConf.to_yaml(composed),
                "overrides.yaml": OmegaConf.to_yaml(typed),
            }
            return tell(hydra, folder, *run_in(folder, config, identity, texts), "trained")
    except UserError:
        with contextlib.suppress(OSError):
            folder.rmdir()  # the empty one that Hydra made
        raise


def tell(
    hydra: DictConfig, folder: Path, summary: pd.DataFrame, seconds: float | None, outcome: str
) -> float:
    """Show a finished run, count it, and return its final error or loss."""
    terminal.show_summary(folder, summary, seconds)
    if hydra.mode == RunMode.RUN:
        terminal.show_next(list(hydra.overrides.task))
    tally(outcome)
    final = summary.set_index("metric")["mean"]
    return next((float(final[name]) for name in terminal.SHOWN if name in final), float("inf"))


def run_in(
    folder: Path, config: RunConfig, identity: Mapping, texts: Mapping[str, str]
) -> tuple[pd.DataFrame, float]:
    """Train a checked config and write its results into `folder`; returns their summary and the seconds that training took."""
    seeds, sizes = seeds_of(config), config.model.sizes
    backend = BACKENDS[config.backend.name](config.dtype, **config.backend.options)
    population = config.model.options.get("population", 1)
    setting = Setting(
        seeds,
        sizes[0],
        sizes[-1],
        config.batch_size,
        config.record.examples,
        backend,
        config.data_dir,
        population,
    )
    data = DATASETS[config.dataset.name].open(setting, **config.dataset.options)
    net = MODELS[config.model.name].build(config.model, backend, seeds)
    if config.model.name == "spiking":
        check_images(data.probe.x, config.record.metrics)
    phases = plan(config, data.steps_per_epoch, backend, seeds)
    recorder = record.Recorder(
        config, folder, identity, seeds, phases[-1].stop, data.steps_per_epoch
    )
    before, made_by = (
        receptive_fields(net, config, seeds),
        manifest(backend, data),
    )  # the code may be edited while it trains
    try:
        train(config, net, data, phases, seeds, recorder)
    except UserError as error:
        recorder.fail(error)
        raise
    fields = {
        f"receptive_fields_{when}": kept
        for when, kept in (("before", before), ("after", receptive_fields(net, config, seeds)))
    }
    arrays = fields if config.record.receptive_fields else {}
    return recorder.finish(arrays, texts, made_by), recorder.elapsed()


def plan(
    config: RunConfig, steps_per_epoch: int | None, backend: Backend, seeds: list[int]
) -> list[Phase]:
    """The phases of a run, one after the other; a plain run is a single phase."""
    whole = [config] if not config.phases else config.phases
    phases, start = [], 0
    for part in whole:
        name = config.rule.name if part is config else part.rule or config.rule.name
        rule = RULES.find(name)
        feedback = build_feedback(config.rule, rule.feedback(config.model.sizes), backend, seeds)
        options = {key: config.rule.options[key] for key in rule.options}
        frozen = frozenset() if part is config else frozenset(part.freeze)
        stop = start + length(part.steps, part.epochs, steps_per_epoch)
        phases.append(Phase(rule, options, feedback, frozen, start, stop))
        start = stop
    return phases


def length(steps: int | None, epochs: float | None, steps_per_epoch: int | None) -> int:
    """Steps of a stretch of training that is given in steps or in epochs; raises UserError where there are no epochs."""
    if steps is not None:
        return steps
    if steps_per_epoch is None:
        raise UserError(
            "epochs: this dataset is an endless stream without epochs: type steps=N in place of epochs"
        )
    return max(1, round(epochs * steps_per_epoch))


def receptive_fields(net: Network, config: RunConfig, seeds: list[int]) -> np.ndarray:
    """Incoming weights of randomly chosen units of the first hidden layer, of the first seed; (units, n_0). Paper, Supp. Fig. 5."""
    count = min(config.record.receptive_fields, net.sizes[1])
    chosen = generator(seeds[0], "receptive_fields").permutation(net.sizes[1])[:count]
    return net.backend.to_host(net.weights[0][0]).astype(np.float32)[chosen]


def manifest(backend: Backend, data) -> dict:
    """Where results came from: versions, commit, data, device."""
    blas = [
        f"{library['internal_api']} {library['version']}"
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    ]
    return {
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
        "commit": commit(),
        "data": data.checksums,
        "backend": type(backend).__name__.removesuffix("Backend").lower(),
        "device": backend.device_name(),
        "blas": sorted(set(blas)),
    }


def commit() -> str | None:
    """The git commit of the code that runs, with `+` where files were changed since; None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        if not Path(git("rev-parse", "--show-toplevel"), "fa_cli").samefile(Path(__file__).parent):
            return None
        return git("rev-parse", "HEAD") + (
            "+" if git("status", "--porcelain", "--", "fa_cli", "conf") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None
