"""Every key of a run, with its type and default; YAML files in conf/ say only what differs.

Scales, sparsities and dropout take one value for all layers or a list with one value for each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import MISSING

from fa_cli.errors import UserError
from fa_cli.options import VAST
from fa_cli.units import ACTIVATIONS

HERE = Path(__file__).parent  # YAML files are in it in a wheel, in a checkout beside it
FOLDER = HERE / "conf" if (HERE / "conf").is_dir() else HERE.parent / "conf"
PLATEAU = "plateau"  # the word for a rate that falls when learning has slowed
INFINITY, MANY = float("inf"), 10**12
DISTRIBUTIONS = ("uniform", "normal")
METRICS = ["loss", "nse", "test_error", "angle_to_bp", "angle_w_b"]
METRICS += ["delta_norm", "weight_norm", "feedback_norm"]


class Range(NamedTuple):
    """Of a number: from `least` to below `most`."""

    least: float
    most: float = INFINITY
    included: bool = True  # the least itself


def key(default: Any, words: str, within: Range | None = None, choices: Any = None) -> Any:
    """A field of a config: its default, what it says to a person, and what it is checked for.

    `within`: the range of a number, `choices`: the names that a word may be.
    """
    known = {"words": words, "within": within, "choices": choices}
    if isinstance(default, type):
        return field(default_factory=default, metadata=known)
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=known)
    return field(default=default, metadata=known)


@dataclass
class ModelConfig:
    """A network; the options of its kind (spiking: tau, streams, ...) stand beside these."""

    name: str = key("rate", "the kind of network: rate or spiking")
    sizes: list[int] | None = key(None, "units of each layer, input first; null: those of layers")
    layers: Any = key(
        None, "the input and the layers that follow it, of any kind; null: dense ones of sizes"
    )
    hidden: str = key("tanh", "units of hidden layers", choices=ACTIVATIONS)
    output: str = key("linear", "units of the output layer", choices=ACTIVATIONS)
    biases: bool = key(False, "whether units have biases, which learn as weights do")
    bias_scale: float = key(0.0, "biases start uniform in +- this", within=Range(0))
    weight_scale: Any = key(
        0.1,
        "omega: range of uniform weights, sd of normal ones; one, or a list with one for each W_l; "
        "or lecun, xavier, kaiming, which go by the number of a unit's synapses",
    )
    weight_distribution: str = key(
        "uniform", "distribution of initial weights", choices=DISTRIBUTIONS
    )
    sparsity: Any = key(0.0, "fraction of the elements that W_l lacks; one, or one for each W_l")
    dropout: Any = key(
        0.0, "fraction of hidden units that are silent in a training step; one, or one a layer"
    )
    weights: Any = key(
        None, "literal matrices [W_0, W_1, ...] in place of random ones; null: one stays random"
    )
    options: dict[str, Any] = field(default_factory=dict)  # filled by config.check


@dataclass
class RuleConfig:
    """A rule and its feedback matrices; its own options (fa: derivative) stand beside these."""

    name: str = key(MISSING, "the learning rule")
    feedback_scale: Any = key(
        0.5,
        "beta: range of uniform B_l, sd of normal ones; one, or a list with one for each B_l; or "
        "matched: about as much error as in the layer above, or as at the output where other than "
        "raw signals travel",
    )
    feedback_distribution: str = key("uniform", "distribution of B_l", choices=DISTRIBUTIONS)
    feedback_sparsity: Any = key(
        0.0, "fraction of the elements that B_l lacks; one, or one for each B_l"
    )
    feedback_neurons: int | None = key(
        None, "rows of B_l, each of which so many units share; null: one for a unit", Range(1)
    )
    feedback_seed: int | None = key(
        None, "all seeds have the B of this one; null: each its own", Range(0, 2**63)
    )
    feedback: Any = key(None, "literal matrices [B_1, B_2, ...] in place of random ones")
    options: dict[str, Any] = field(default_factory=dict)  # filled by config.check


@dataclass
class DatasetConfig:
    """A source of examples; a dataset's own options stand beside these."""

    name: str = key(MISSING, "the dataset")
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class BackendConfig:
    """Where arrays live; its own options (numpy: threads, cupy: device) stand beside these."""

    name: str = key(MISSING, "numpy (CPU) or cupy (GPU)")
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class OptimizerConfig:
    """How the three-factor update changes the parameters."""

    learning_rate: float = key(
        0.01, "eta: the update is summed over the batch, then times eta", Range(0)
    )
    schedule: Any = key(
        [],
        "[[when, rate], ...]: another rate from that epoch on (step, in a run that is given in "
        "steps); or plateau: tenfold less where the validation error gets no better",
    )
    patience: float = key(
        3.0, "epochs without a better validation error after which schedule=plateau cuts the rate",
        Range(0, included=False),
    )  # fmt: skip
    weight_decay: float = key(
        0.0, "W *= 1 - learning_rate * weight_decay for every example", Range(0, VAST)
    )
    momentum: float = key(0.0, "v = momentum * v + update; W += v (Supp. Note 8)", Range(0, 1))


@dataclass
class RecordConfig:
    """What is measured and kept."""

    metrics: list[str] = key(METRICS, "what is measured; fa-run metrics lists them")
    every: int | None = key(
        None, "steps between rows; null: an epoch, or 1 % of the run and at least 200", Range(1)
    )
    examples: int = key(
        100, "held-out examples on which hidden signals are measured", Range(2, MANY)
    )
    early: int = key(0, "more rows, evenly spaced, before the first at record.every", Range(0))
    receptive_fields: int = key(
        0, "units of layer 1 whose W_0 is kept before and after, of the first five seeds", Range(0)
    )
    reconstructions: int = key(
        0, "held-out images that are kept with what an autoencoder makes of them", Range(0)
    )
    audit: int = key(0, "first training steps all of whose numbers go to audit.npz", Range(0))
    checkpoint_seconds: float = key(300.0, "seconds between two checkpoints", Range(0))
    keep_checkpoint: bool = key(False, "keep checkpoint.npz when the run is finished")


@dataclass
class PhaseConfig:
    """A stretch of training; a plain run has one."""

    rule: str | None = key(None, "the rule of this phase; null: the run's")
    freeze: list[int] = key([], "the l of W_l, b_l (and B_l) that do not learn")
    fresh_feedback: bool = key(False, "its rule's B_l are drawn anew, as a control (Fig. 5c)")
    steps: int | None = key(None, "its length in steps; one of steps and epochs")
    epochs: float | None = key(None, "its length in epochs")


@dataclass
class RunConfig:
    """One run of fa-run."""

    model: ModelConfig = key(ModelConfig, "the network")
    rule: RuleConfig = key(RuleConfig, "the learning rule and its feedback")
    dataset: DatasetConfig = key(DatasetConfig, "the examples")
    backend: BackendConfig = key(BackendConfig, "where arrays live")
    optimizer: OptimizerConfig = key(OptimizerConfig, "the update")
    record: RecordConfig = key(RecordConfig, "what is measured and kept")
    phases: list[PhaseConfig] = key([], "stretches of training, one after the other; [] for one")
    seeds: Any = key(1, "a number n for the seeds 0 to n - 1, or a list of them")
    steps: int | None = key(
        None, "length in steps; of steps and epochs the one that is typed counts", Range(1)
    )
    epochs: float | None = key(None, "length in epochs", Range(0, included=False))
    batch_size: int = key(1, "examples of a training step", Range(1, MANY))
    dtype: str = key("float64", "type of all numbers", choices=("float32", "float64"))
    outputs: str = key("outputs", "the folder that results go to")
    data_dir: str | None = key(None, "the folder that data lie in; null: the user's cache")
    fetch: bool = key(True, "fetch data that are not there; false: say what is missing")
    fail_fast: bool = key(False, "of a sweep, leave out what has not begun when a run has failed")
    resume: bool = key(True, "false: train from the start, whatever there is already")


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
