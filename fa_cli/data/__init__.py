"""Sources of examples, one a file. A dataset is a function `(setting, **options)` that returns a `Stream`, `Fixed` or `Images`.

All offer the same: `batch(step)`, the training examples of one step, or of several, for all seeds or some; `prepare(step)`, which
fetches a stretch of them and returns the first step after it; `probe`, a small fixed held-out batch; `heldout()`, all held-out
examples a piece at a time; `steps_per_epoch` (None for an endless stream); `checksums` of the files behind it.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fa_cli.backend import ALL, Array, Backend
from fa_cli.errors import UserError
from fa_cli.registry import Registry, import_all
from fa_cli.streams import BLOCK, Blocks, generator

DATASETS = Registry("dataset")
PIECE = 1000  # held-out examples evaluated at once


class Dataset(NamedTuple):
    """A function that opens a dataset, and the options that its YAML file sets."""

    open: Callable
    options: dict[str, type]


def dataset(name: str) -> Callable:
    """Decorator that registers a dataset under `name`; its options are the function's arguments after the first."""

    def register(function: Callable) -> Callable:
        parameters = list(inspect.signature(function).parameters.items())[1:]
        DATASETS[name] = Dataset(
            function, {key: parameter.annotation for key, parameter in parameters}
        )
        return function

    return register


class Setting(NamedTuple):
    """What a run asks of its dataset."""

    seeds: Sequence[int]
    inputs: int  # n_0
    outputs: int  # n_L
    batch_size: int
    examples: int  # size of the probe
    backend: Backend
    data_dir: str
    population: int = 1  # output units of each value of a target

    @property
    def values(self) -> int:
        """Values of a target."""
        return self.outputs // self.population

    def must_fit(self, inputs: int, outputs: int, what: str) -> None:
        """Raise UserError unless the network goes from `inputs` units to as many as `outputs` values need."""
        outputs *= self.population
        if (self.inputs, self.outputs) != (inputs, outputs):
            raise UserError(
                f"model.sizes goes from {self.inputs} to {self.outputs} units, but {what} goes from {inputs} to {outputs}: "
                f"type model.sizes=[{inputs},...,{outputs}]"
            )


class Batch(NamedTuple):
    """Examples of all seeds; the first axis has length 1 where the seeds share them."""

    x: Array  # (S, N, n_0)
    target: Array  # (S, N, n_L)
    labels: Array | None = None  # (N,) classes, where there are any


class Stream:
    """Endless synthetic examples: `draw(rng, s, count)` gives inputs (count, n_0) and targets (count, n_L) of the s-th seed."""

    steps_per_epoch = None
    heldout_name = "test"

    def __init__(self, setting: Setting, draw: Callable):
        self.blocks = Blocks(setting.seeds, "inputs", setting.batch_size, draw, setting.backend)
        self.prepare = self.blocks.prepare
        self.probe = Batch(
            *Blocks(setting.seeds, "probe", setting.examples, draw, setting.backend)(0)
        )
        self.checksums = {}

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """The training examples of `steps` steps within one stretch, one after the other."""
        return Batch(*self.blocks(step, steps, seeds))

    def heldout(self) -> Iterator[Batch]:
        """The probe: a stream has no other held-out examples."""
        yield self.probe


class Fixed:
    """A few examples, x (S or 1, N, n_0) and target (S or 1, N, n_L), all shown at every step and held out as well."""

    steps_per_epoch = None
    heldout_name = "test"

    def __init__(self, setting: Setting, x: np.ndarray, target: np.ndarray):
        if setting.batch_size != x.shape[1]:
            raise UserError(
                f"batch_size={setting.batch_size}: this task shows all its examples at once: type batch_size={x.shape[1]}"
            )
        self.probe = Batch(*(setting.backend.to_device(array) for array in (x, target)))
        self.xp, self.checksums = setting.backend.xp, {}

    def prepare(self, step: int) -> int:
        """They are at hand; a stretch is about as long as in other datasets."""
        return step + max(1, BLOCK // self.probe.x.shape[1])

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """All examples, once for each step."""
        chosen = [array if len(array) == 1 else array[seeds] for array in self.probe[:2]]
        return Batch(
            *(
                self.xp.concatenate([array] * steps, axis=1) if steps > 1 else array
                for array in chosen
            )
        )

    def heldout(self) -> Iterator[Batch]:
        """The same."""
        yield self.probe


class ImageFiles(NamedTuple):
    """A classification problem as it lies on disk; uint8 pixels, (examples, pixels), and integer labels."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


class Images:
    """Labelled images. They stay uint8 in memory and become numbers a batch at a time; each seed has its own order.

    `standardize`: `none` keeps pixels in 0..255, `unit` divides by 255, `standard` brings the training set's mean to 0 and its sd
    to 1 (over all pixels together). `targets`: the values of the wrong and of the right class. `validation`: this many of the last
    training images are held out in place of the test set, which then is not touched.
    """

    def __init__(
        self,
        setting: Setting,
        files: ImageFiles,
        standardize: str,
        targets: Sequence[float],
        validation: int,
    ):
        train, labels, test, test_labels = files
        if not 0 <= validation < len(train):
            raise UserError(
                f"dataset.validation={validation}: expected 0 to {len(train) - 1}, of {len(train)} training images"
            )
        if validation:
            train, test, labels, test_labels = (
                train[:-validation],
                train[-validation:],
                labels[:-validation],
                labels[-validation:],
            )
        classes = int(labels.max()) + 1
        setting.must_fit(train.shape[1], classes, "these images")
        if setting.batch_size > len(train):
            raise UserError(
                f"batch_size={setting.batch_size}: there are only {len(train)} training images; type a smaller one"
            )
        self.setting, self.backend = setting, setting.backend
        self.heldout_name = "validation" if validation else "test"
        self.steps_per_epoch = len(train) // setting.batch_size
        to_device = self.backend.to_device
        self.shift, self.scale = standardization(train, standardize)
        self.codes = to_device(np.where(np.eye(classes), targets[1], targets[0]))
        self.train, self.labels = to_device(train, np.uint8), to_device(labels, np.int64)
        self.test, self.test_labels = to_device(test, np.uint8), to_device(test_labels, np.int64)
        self.probe = self.take(self.test, self.test_labels, slice(0, setting.examples))
        self.checksums = {
            "train images": sha256(files.train_images),
            "test images": sha256(files.test_images),
        }
        self.epoch = None

    def take(self, images: Array, labels: Array, which) -> Batch:
        """The chosen images as numbers and their coded targets; a slice is shared by all seeds."""
        labels = labels[which]
        x, target = self.numbers(images[which]), self.codes[labels]
        return (
            Batch(x[None], target[None], labels) if isinstance(which, slice) else Batch(x, target)
        )

    def numbers(self, pixels: Array) -> Array:
        """uint8 pixels as standardised inputs in the run's dtype."""
        x = self.backend.xp.multiply(
            pixels, self.backend.dtype.type(self.scale), dtype=self.backend.dtype
        )
        if self.shift:
            x -= self.backend.dtype.type(self.shift)
        return x

    def prepare(self, step: int) -> int:
        """Shuffle the epoch of `step` unless it is at hand; returns the first step after a stretch of some examples."""
        epoch, offset = divmod(step, self.steps_per_epoch)
        if epoch != self.epoch:
            orders = [
                generator(seed, "order", epoch).permutation(len(self.train))
                for seed in self.setting.seeds
            ]
            self.order, self.epoch = self.backend.to_device(np.stack(orders), np.int64), epoch
        stretch = max(1, BLOCK // self.setting.batch_size)
        return step - offset + min(self.steps_per_epoch, (offset // stretch + 1) * stretch)

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """The training examples of `steps` steps of one epoch; an epoch drops the last incomplete batch."""
        self.prepare(step)
        start = step % self.steps_per_epoch * self.setting.batch_size
        return self.take(
            self.train,
            self.labels,
            self.order[seeds, start : start + steps * self.setting.batch_size],
        )

    def heldout(self) -> Iterator[Batch]:
        """All held-out images, a piece at a time."""
        for start in range(0, len(self.test), PIECE):
            yield self.take(self.test, self.test_labels, slice(start, start + PIECE))


def standardization(pixels: np.ndarray, kind: str) -> tuple[float, float]:
    """(shift, scale) such that x = scale * pixel - shift; mean and sd over all pixels of the training images."""
    if kind == "standard":
        counts = np.bincount(pixels.ravel(), minlength=256) / pixels.size
        mean = counts @ np.arange(256)
        sd = np.sqrt(counts @ (np.arange(256) - mean) ** 2)
        return mean / sd, 1 / sd
    return 0.0, {"none": 1.0, "unit": 1 / 255}[kind]


def sha256(array: np.ndarray) -> str:
    """Checksum of an array's bytes, for the manifest."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def load_datasets() -> None:
    """Fill DATASETS from the files of this folder."""
    import_all(sys.modules[__name__])
