"""Every key of a run, with its type and default; YAML files in conf/ say only what differs.

Fields typed `Any` take one value for all layers or a list with one value for each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from fa_cli.errors import UserError

HERE = Path(__file__).parent  # YAML files are in it in a wheel, in a checkout beside it
FOLDER = HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf"
PLATEAU = "plateau"  # the word for a rate that falls when learning has slowed
METRICS = ["loss", "nse", "test_error", "angle_to_bp", "angle_w_b"]
METRICS += ["delta_norm", "weight_norm", "feedback_norm"]


@dataclass
class ModelConfig:
    """A network; the options of its kind (spiking: tau, streams, ...) stand beside these."""

    name: str = "rate"  # rate or spiking
    sizes: list[int] | None = (
        None  # units of each layer, input first; follow from layers where given
    )
    layers: Any = (
        None  # the input and what follows it, as fa_cli/layers has it; null: dense of sizes
    )
    hidden: str = "tanh"  # units of hidden layers, as fa_cli/units.py has them
    output: str = "linear"  # and of the output layer
    biases: bool = False
    bias_scale: float = 0.0  # biases start uniform in [-bias_scale, bias_scale]
    weight_scale: Any = 0.1  # omega: range of uniform, sd of normal weights; one, or one a W_l
    # or lecun, xavier, kaiming: by the numbers of a unit's synapses
    weight_distribution: str = "uniform"  # or normal
    sparsity: Any = 0.0  # fraction of the elements that W_l lacks; one, or one for each W_l
    dropout: Any = 0.0  # fraction of hidden units that are silent in a step; one, or one a layer
    weights: Any = None  # literal [W_0, W_1, ...] in place of random ones; null: one stays random
    options: dict[str, Any] = field(default_factory=dict)  # filled by config.check


@dataclass
class RuleConfig:
    """A rule and its feedback matrices; its own options (fa: derivative) stand beside these."""

    name: str = MISSING
    feedback_scale: Any = 0.5  # beta: range or sd; one, or one for each B_l
    # or matched: errors are about as large in all layers
    feedback_distribution: str = "uniform"  # or normal
    feedback_sparsity: Any = (
        0.0  # fraction of the elements that B_l lacks; one, or one for each B_l
    )
    feedback_neurons: int | None = None  # rows of B_l, each for as many units; null: one a unit
    feedback_seed: int | None = None  # all seeds have the B of this one; null: each its own
    feedback: Any = None  # literal matrices [B_1, B_2, ...] in place of random ones
    options: dict[str, Any] = field(default_factory=dict)  # filled by config.check


@dataclass
class DatasetConfig:
    """A source of examples; a dataset's own options stand beside these."""

    name: str = MISSING
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class BackendConfig:
    """Where arrays live; its own options (numpy: threads, cupy: device) stand beside these."""

    name: str = MISSING
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class OptimizerConfig:
    """How the three-factor update changes the parameters."""

    learning_rate: float = 0.01  # eta: the update is summed over the batch, then times eta
    schedule: Any = field(default_factory=list)  # [[when, rate], ..]: from epoch (step) on
    # or plateau: tenfold less where the validation error gets no better for `patience` epochs
    patience: float = 3.0
    weight_decay: float = 0.0  # W *= 1 - learning_rate * weight_decay for every example
    momentum: float = 0.0  # v = momentum * v + update; W += v (Supp. Note 8)


@dataclass
class RecordConfig:
    """What is measured and kept."""

    metrics: list[str] = field(default_factory=lambda: list(METRICS))
    every: int | None = None  # steps between rows; null: an epoch, or 1 % of the run, at least 200
    examples: int = 100  # held-out examples on which the metrics of hidden signals are measured
    early: int = 0  # rows more, evenly spaced, before the first of these
    receptive_fields: int = 0  # units of layer 1, first five seeds, whose W_0 is kept, at both ends
    reconstructions: int = (
        0  # held-out images, of an autoencoder's first five seeds, kept at the end
    )
    audit: int = 0  # the first training steps whose every input and output goes to audit.npz
    checkpoint_seconds: float = 300.0
    keep_checkpoint: bool = False  # keep checkpoint.npz when the run is finished


@dataclass
class PhaseConfig:
    """A stretch of training; a plain run has one."""

    rule: str | None = None  # null: the run's rule
    freeze: list[int] = field(default_factory=list)  # the l of W_l, b_l (and B_l) that don't learn
    fresh_feedback: bool = False  # its rule's B_l are drawn anew, as a control (Fig. 5c)
    steps: int | None = None
    epochs: float | None = None


@dataclass
class RunConfig:
    """One run of fa-run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    rule: RuleConfig = field(default_factory=RuleConfig)
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    record: RecordConfig = field(default_factory=RecordConfig)
    phases: list[PhaseConfig] = field(default_factory=list)
    seeds: Any = 1  # a number n for 0..n-1, or a list
    steps: int | None = None  # one of steps and epochs; the one typed on the command line wins
    epochs: float | None = None
    batch_size: int = 1
    dtype: str = "float64"
    outputs: str = "outputs"
    data_dir: str | None = None  # null: the user's cache
    fetch: bool = True  # data that are not there; false: say what is missing
    fail_fast: bool = False  # of a sweep, leave out what has not begun when a run has failed
    resume: bool = True  # false: train from the start, whatever there is already


def per_layer(
    key: str, value: Any, layers: Iterable[int], words: Mapping[str, Mapping] | None = None
) -> dict[int, float]:
    """A number for all layers or a list with one for each, as {layer: number}.

    `words` stand for numbers by layer. Raises UserError where it is none of these.
    """
    layers, words = list(layers), words or {}
    values = value if isinstance(value, list) else [value] * len(layers)
    if len(values) != len(layers):
        raise UserError(
            f"{key}={value}: expected one number, or a list of {len(layers)}, one for each layer"
        )
    if not all(is_scale(one) or (isinstance(one, str) and one in words) for one in values):
        known = "".join(f", or {word}" for word in words)
        raise UserError(f"{key}={value}: expected finite numbers of at least 0{known}")
    given = zip(layers, values, strict=True)
    return {l: words[one][l] if isinstance(one, str) else float(one) for l, one in given}


def is_scale(value: Any) -> bool:
    """Whether a value is a finite number of at least 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value < float("inf")
