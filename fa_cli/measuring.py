"""`fa-run measure`: other metrics of runs that have a checkpoint, without training."""

from pathlib import Path

import pandas as pd
import yaml
from omegaconf import DictConfig

from fa_cli import config, experiment, terminal
from fa_cli.backend import BACKENDS
from fa_cli.errors import UserError
from fa_cli.folders import results_in
from fa_cli.options import listed
from fa_cli.probes import METRICS
from fa_cli.results.checkpoint import fill, read_checkpoint
from fa_cli.results.files import write_text
from fa_cli.results.formats import DAMAGE, csv, summarise
from fa_cli.results.identity import Identity
from fa_cli.results.reading import MEASURED, damaged, folders, read_config
from fa_cli.results.rows import Rows
from fa_cli.schema import RunConfig
from fa_cli.train import measure, state_of


def measure_runs(cfg: DictConfig) -> None:
    """Measure all runs below a folder as their checkpoints have them: measured.csv beside each.

    Raises UserError where none has a checkpoint, and for an unknown metric.
    """
    config.register()
    metrics = listed(cfg.metrics)
    for name in metrics:
        METRICS.find(name)
    found = folders(results_in(cfg.results))
    kept = [folder for folder in found if (folder / "checkpoint.npz").exists()]
    if not kept:
        raise UserError(
            f"results={cfg.results}: no run there has a checkpoint: unfinished ones do, and "
            "those trained with record.keep_checkpoint=true"
        )
    for folder in kept:
        table = measured(folder, metrics or None, cfg.data_dir)
        write_text(folder / MEASURED, csv(with_earlier(table, folder / MEASURED)))
        terminal.show_measured(folder, table["step"].max(), summarise(table))


def with_earlier(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table, with what was measured before of the same seeds at the same step."""
    try:
        earlier = pd.read_csv(path)
        alike = earlier[["seed", "step"]].equals(table[["seed", "step"]])
    except DAMAGE:  # or none is there
        return table
    return table.join(earlier.drop(columns=list(table), errors="ignore")) if alike else table


def measured(folder: Path, metrics: list[str] | None, data_dir: str | None) -> pd.DataFrame:
    """A row for each seed, as in metrics.csv, of a run as its checkpoint has it.

    `metrics`: None for those of the run. Raises UserError where the config or the checkpoint is
    damaged or of another run.
    """
    try:
        values = read_config(folder)
    except (*DAMAGE, yaml.YAMLError) as error:
        raise damaged(folder, error) from None
    checked = config.check(as_now(values, metrics, data_dir))
    backend = BACKENDS[checked.backend.name](checked.dtype, **checked.backend.options)
    with backend.computing():
        net, data, phases = experiment.before_learning(checked, backend)
        stored = read_checkpoint(folder / "checkpoint.npz", Identity(values))
        step = int(stored["step"])
        index = next((k for k, phase in enumerate(phases) if step < phase.stop), len(phases) - 1)
        net.feedback = phases[index].feedback
        try:
            fill(state_of(net), stored, backend)
        except DAMAGE as error:
            raise damaged(folder, error) from None
        rows = Rows(net.seeds)
        rows.ended = stored["ended"]
        rows.add(step, index, measure(checked, net, data, phases[index], step))
        return rows.table(data.steps_per_epoch, checked.batch_size)


def as_now(values: dict, metrics: list[str] | None, data_dir: str | None) -> dict:
    """A run's config.yaml as a whole config, measured in another way, here."""
    here = {**vars(RunConfig()), "data_dir": data_dir}
    whole = {key: values.get(key, here[key]) for key in here}
    if metrics:
        whole["record"] = {**whole["record"], "metrics": list(metrics)}
    return whole
