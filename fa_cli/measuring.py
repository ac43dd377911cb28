"""`fa-run measure`: other metrics of runs that have a checkpoint, without training."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from omegaconf import DictConfig

from fa_cli import composing, config, experiment, terminal
from fa_cli.errors import UserError
from fa_cli.folders import results_in
from fa_cli.options import listed, true_or_false
from fa_cli.probes import METRICS
from fa_cli.results.checkpoint import fill, read_checkpoint
from fa_cli.results.files import write_bytes, write_text
from fa_cli.results.formats import DAMAGE, csv, npz, read_npz, summarise
from fa_cli.results.identity import Identity
from fa_cli.results.reading import CHECKPOINT, MEASURED, damaged, folders, read_config
from fa_cli.results.rows import Rows
from fa_cli.schema import FOLDER, RunConfig
from fa_cli.train import measure, state_of


def measure_runs(cfg: DictConfig) -> None:
    """Measure all runs below a folder as their checkpoints have them.

    Beside each lie then measured.csv, and measured.npz with what was measured of single units.

    Raises UserError where none has a checkpoint, and for an unknown metric.
    """
    composing.register()
    metrics, cpu = listed(cfg.metrics), true_or_false("cpu", cfg.cpu)
    for name in metrics:
        METRICS.find(name)
    found = folders(results_in(cfg.results))
    kept = [folder for folder in found if (folder / CHECKPOINT).exists()]
    if not kept:
        raise UserError(
            f"results={cfg.results}: no run there has a checkpoint: unfinished ones do, and "
            "those trained with record.keep_checkpoint=true"
        )
    for folder in kept:
        table, arrays = measured(folder, metrics or None, cfg.data_dir, cpu)
        keep(folder, table, arrays)
        terminal.show_measured(folder, table["step"].max(), summarise(table))


def keep(folder: Path, table: pd.DataFrame, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what was measured, with what was before of the same seeds at the same step."""
    rows, units = (folder / name for name in MEASURED)
    whole, all_units = table, dict(arrays)
    with suppress(*DAMAGE, UserError):  # or none is there
        earlier = pd.read_csv(rows)
        if earlier[["seed", "step"]].equals(table[["seed", "step"]]):
            whole = table.join(earlier.drop(columns=list(table), errors="ignore"))
            with read_npz(units) as stored:
                all_units = {key: stored[key] for key in stored.files} | all_units
    write_text(rows, csv(whole))
    if all_units:
        write_bytes(units, npz(all_units))
    else:
        units.unlink(missing_ok=True)


def measured(
    folder: Path, metrics: list[str] | None, data_dir: str | None, cpu: bool
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """A row for each seed, as in metrics.csv, of a run as its checkpoint has it, and arrays.

    These are of single units, (1, S, n_l). `metrics`: None for those of the run. `cpu`: with NumPy.
    Raises UserError where the config or the checkpoint is damaged or of another run.
    """
    try:
        values = read_config(folder)
    except (*DAMAGE, yaml.YAMLError) as error:
        raise damaged(folder, error) from None
    checked = config.check(as_now(values, metrics, data_dir, cpu))
    try:
        backend = experiment.backend_of(checked)
    except UserError:
        raise UserError(
            f"{folder} was trained with backend={checked.backend.name}, which cannot be used here: "
            "type cpu=true to measure it with NumPy"
        ) from None
    with backend.computing():
        net, data, phases = experiment.before_learning(checked, backend)
        stored = read_checkpoint(folder / CHECKPOINT, Identity(values), data.checksums)
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
        return rows.table(data.steps_per_epoch, checked.batch_size), rows.unit_arrays()


def as_now(values: dict, metrics: list[str] | None, data_dir: str | None, cpu: bool) -> dict:
    """A run's config.yaml as a whole config, measured in another way, here."""
    here = {**vars(RunConfig()), "data_dir": data_dir}
    whole = {key: values.get(key, here[key]) for key in here}
    if cpu:
        whole["backend"] = yaml.safe_load((FOLDER / "backend" / "numpy.yaml").read_text())
    if metrics:
        whole["record"] = {**whole["record"], "metrics": list(metrics)}
    return whole
