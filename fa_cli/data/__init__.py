"""Sources of examples, one a file: a dataset is a function `(setting, **options) -> Data`.

There are three: `Endless` synthetic examples, `Fixed` ones that are all shown at every step, and
`Labelled` ones from files. A dataset's file says only where its examples come from.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from fa_cli.backend import Backend
from fa_cli.errors import UserError
from fa_cli.options import Option, options_of
from fa_cli.randomness import BLOCK, Blocks, generator
from fa_cli.registry import Registry, import_all, import_outside
from fa_cli.signals import ALL, Array

if TYPE_CHECKING:
    from fa_cli.data.fetch import Source

DATASETS = Registry("dataset", outside="FA_DATASETS")
PIECE = 1000  # held-out examples evaluated at once
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # of examples (count, features)


class Batch(NamedTuple):
    """Examples of all seeds; the first axis has length 1 where the seeds share them."""

    x: Array  # (S, N, n_0)
    target: Array  # (S, N, values)
    labels: Array | None = None  # (N,) classes, where there are any


class Data(Protocol):
    """What training and measuring ask of any source of examples."""

    steps_per_epoch: int | None  # None: an endless stream
    heldout_name: str  # test or validation
    probe: Batch  # a small fixed held-out batch
    checksums: dict[str, str]  # of the files behind it, for the manifest

    def prepare(self, step: int) -> int:
        """Have a stretch of training examples from `step` on at hand; returns its end."""

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """The training examples of `steps` steps within one stretch, one after the other."""

    def heldout(self) -> Iterator[Batch]:
        """All held-out examples, a piece at a time."""


class Setting(NamedTuple):
    """What a run asks of its dataset."""

    seeds: Sequence[int]
    inputs: int  # n_0
    outputs: int  # n_L
    values: int  # of a target; several output units may stand for one
    batch_size: int
    examples: int  # size of the probe
    backend: Backend
    data_dir: str
    fetch: bool  # what is not there

    def must_fit(self, inputs: int, values: int, what: str) -> None:
        """Raise UserError unless the network goes from `inputs` units to `values` values."""
        outputs = values * (self.outputs // self.values)
        if (self.inputs, self.outputs) != (inputs, outputs):
            raise UserError(
                f"model.sizes goes from {self.inputs} to {self.outputs} units, "
                f"but {what} from {inputs} to {outputs}: "
                f"type model.sizes=[{inputs},...,{outputs}]"
            )


class Dataset(NamedTuple):
    """A function that opens a dataset, and the options that its YAML file sets."""

    open: Callable[..., Data]
    options: dict[str, Option]
    fetched: "Source | None"  # the files that are fetched for it
    by_hand: str  # or where a person gets them, "get it from ..."


def dataset(
    name: str,
    written_by: Callable | None = None,
    fetched: "Source | None" = None,
    by_hand: str = "",
) -> Callable:
    """Decorator that registers a dataset; its options are the arguments after the first.

    `written_by`: what says where its examples come from, where that is not the function itself.
    `fetched`, `by_hand`: its files, if it has any, as in Dataset. Raises UserError without a name.
    """
    DATASETS.check_name(name)

    def register(function: Callable) -> Callable:
        known = Dataset(function, options_of(function, given=1), fetched, by_hand)
        DATASETS.add(name, known, written_by or function)
        return function

    return register


def load_datasets() -> None:
    """Fill DATASETS: this folder's files, `fa_run.datasets` of packages, and FA_DATASETS.

    Raises UserError for one that cannot be imported.
    """
    import_all(sys.modules[__name__])
    import_outside(DATASETS, "fa_run.datasets")


# ---- synthetic examples --------------------------------------------------------------------------


class Endless:
    """Synthetic examples without end.

    `draw(rng, s, count)` gives inputs (count, n_0) and targets (count, values) of the s-th seed.
    """

    steps_per_epoch = None
    heldout_name = "test"

    def __init__(self, setting: Setting, draw: Callable):
        def blocks(purpose: str, batch_size: int) -> Blocks:
            return Blocks(setting.seeds, purpose, batch_size, draw, setting.backend)

        check_drawn(setting, draw)
        self.blocks = blocks("inputs", setting.batch_size)
        self.probe = Batch(*blocks("probe", setting.examples)(0))
        self.checksums = rounded_checksums(*map(setting.backend.to_host, self.probe[:2]))

    def prepare(self, step: int) -> int:
        """As in Data."""
        return self.blocks.prepare(step)

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """As in Data."""
        return Batch(*self.blocks(step, steps, seeds))

    def heldout(self) -> Iterator[Batch]:
        """The probe: there are no other held-out examples."""
        yield self.probe


def check_drawn(setting: Setting, draw: Callable) -> None:
    """Raise UserError where examples are drawn in other shapes than a network takes."""
    for count in (3, setting.batch_size, setting.examples):
        check_pair(draw(generator(setting.seeds[0], "check"), 0, count), setting, count)


def rounded_checksums(x: np.ndarray, target: np.ndarray) -> dict[str, str]:
    """Those of computed examples: to seven digits, as the last differ between processors."""
    arrays = {"inputs, rounded": x, "targets, rounded": target}
    return {name: sha256(array.astype(np.float32)) for name, array in arrays.items()}


def check_pair(drawn: Any, setting: Setting, count: int) -> None:
    """Raise UserError unless these are inputs and targets of so many examples."""
    expected = {"inputs": (count, setting.inputs), "targets": (count, setting.values)}
    if not isinstance(drawn, tuple) or len(drawn) != len(expected):
        raise UserError("this dataset draws no pair: expected draw to return (inputs, targets)")
    for (name, shape), array in zip(expected.items(), drawn, strict=True):
        if np.shape(array) != shape or not np.isfinite(np.asarray(array, float)).all():
            raise UserError(
                f"this dataset draws {name} of shape {np.shape(array)} for {count} examples: "
                f"expected finite numbers of shape {shape}"
            )


class Fixed:
    """A few examples, x (S or 1, N, n_0) and target (S or 1, N, values), all shown at every step.

    The same are held out.
    """

    steps_per_epoch = None
    heldout_name = "test"

    def __init__(self, setting: Setting, x: np.ndarray, target: np.ndarray):
        if setting.batch_size != x.shape[1]:
            raise UserError(
                f"batch_size={setting.batch_size}: this task shows all its examples at once: "
                f"type batch_size={x.shape[1]}"
            )
        check_numbers({"inputs": x, "targets": target})
        self.probe = Batch(*map(setting.backend.to_device, (x, target)))
        self.xp = setting.backend.xp
        self.checksums = rounded_checksums(x, target)

    def prepare(self, step: int) -> int:
        """They are at hand; a stretch is about as long as in other datasets."""
        return step + max(1, BLOCK // self.probe.x.shape[1])

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """All examples, once for each step."""
        chosen = [array if len(array) == 1 else array[seeds] for array in self.probe[:2]]
        if steps > 1:
            chosen = [self.xp.concatenate([array] * steps, axis=1) for array in chosen]
        return Batch(*chosen)

    def heldout(self) -> Iterator[Batch]:
        """The same."""
        yield self.probe


# ---- labelled examples from files ----------------------------------------------------------------


class Files(NamedTuple):
    """A classification problem as it lies on disk: examples (count, features) and integer labels.

    Pixels are uint8. Arrays may be memory-mapped: on the CPU they are read as they are needed.
    """

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    def split(self, validation: int) -> "Files":
        """With the last training examples in place of the test set, which then is not touched."""
        if not 0 <= validation < len(self.train):
            raise UserError(
                f"dataset.validation={validation}: expected 0 to {len(self.train) - 1}, "
                f"of {len(self.train)} training images"
            )
        if not validation:
            return self
        train, labels = self.train[:-validation], self.train_labels[:-validation]
        return Files(train, labels, self.train[-validation:], self.train_labels[-validation:])


class Labelled:
    """Examples with labels, as they lie on disk; they become numbers a batch at a time.

    Each seed has its own order. Three functions say what a network is shown: `numbers(x)` makes
    inputs of stored examples, `target(inputs, labels)` what is wanted, and `change(x, rng)`, if
    there is one, distorts the stored training examples of a seed, (count, features), before they
    are shown. `validation`: this many of the last training examples are held out in place of the
    test set. `classes`: whether the largest output names the class.
    """

    grey: Callable[[Array], Array] | None = None  # (y) -> pixels in [0, 1] of an image as target

    def __init__(
        self,
        setting: Setting,
        files: Files,
        numbers: Callable[[Array], Array],
        target: Callable[[Array, Array], Array],
        validation: int = 0,
        change: Change | None = None,
        classes: bool = True,
    ):
        check_numbers({"train examples": files.train, "test examples": files.test})
        kept = files.split(validation)
        self.setting, self.backend = setting, setting.backend
        self.numbers, self.target, self.change, self.classes = numbers, target, change, classes
        to_device = self.backend.to_device
        self.stored = kept.train
        self.train, self.test = (to_device(x, x.dtype) for x in (kept.train, kept.test))
        self.labels = to_device(kept.train_labels, np.int64)
        self.test_labels = to_device(kept.test_labels, np.int64)
        self.heldout_name = "validation" if validation else "test"
        self.probe = self.take_test(slice(0, setting.examples))
        width = self.probe.target.shape[-1]
        setting.must_fit(self.probe.x.shape[-1], width, "these examples")
        if setting.batch_size > len(kept.train):
            raise UserError(
                f"batch_size={setting.batch_size}: there are only {len(kept.train)} training "
                "examples; type a smaller one"
            )
        self.steps_per_epoch = len(kept.train) // setting.batch_size
        self.checksums = checksums_of(files)
        self.epoch: int | None = None
        self.block: tuple[int, int] | None = None  # of changed examples: epoch, first step

    def prepare(self, step: int) -> int:
        """As in Data: shuffle the epoch of `step`, and distort its stretch, unless that is done."""
        epoch, offset = divmod(step, self.steps_per_epoch)
        if epoch != self.epoch:
            orders = [self.order_of(seed, epoch) for seed in self.setting.seeds]
            self.order, self.epoch = self.backend.to_device(np.stack(orders), np.int64), epoch
        stretch = max(1, BLOCK // self.setting.batch_size)
        first = offset // stretch * stretch
        end = min(self.steps_per_epoch, first + stretch)
        if self.change and self.block != (epoch, first):
            self.block = epoch, first
            self.changed = self.distorted(self.change, epoch, range(first, end))
        return step - offset + end

    def order_of(self, seed: int, epoch: int) -> np.ndarray:
        """In which a seed sees the training examples of an epoch."""
        return generator(seed, "order", epoch).permutation(len(self.stored))

    def distorted(self, change: Change, epoch: int, steps: range) -> Array:
        """The training examples of some steps of this epoch, changed: (S, examples, features)."""
        size, block = self.setting.batch_size, epoch * self.steps_per_epoch + steps.start
        order = self.backend.to_host(self.order[:, steps.start * size : steps.stop * size])

        def one(s: int) -> np.ndarray:
            rng = generator(self.setting.seeds[s], "change", block)
            return change(self.stored[order[s]], rng)

        changed = np.stack(self.backend.map(one, range(len(order))))
        return self.backend.to_device(changed, changed.dtype)

    def batch(self, step: int, steps: int = 1, seeds: slice = ALL) -> Batch:
        """As in Data; an epoch drops the last incomplete batch."""
        self.prepare(step)
        size, offset = self.setting.batch_size, step % self.steps_per_epoch
        which = self.order[seeds, offset * size : (offset + steps) * size]
        if self.block:
            at = (offset - self.block[1]) * size
            x = self.numbers(self.changed[seeds, at : at + steps * size])
        else:
            x = self.numbers(self.train[which])
        return Batch(x, self.target(x, self.labels[which]))

    def heldout(self) -> Iterator[Batch]:
        """As in Data."""
        for start in range(0, len(self.test), PIECE):
            yield self.take_test(slice(start, start + PIECE))

    def trained(self) -> Iterator[Batch]:
        """As many of the training examples as are held out, not distorted, a piece at a time."""
        count = min(len(self.train), len(self.test))
        for start in range(0, count, PIECE):
            which = slice(start, min(count, start + PIECE))
            yield self.shown(self.train[which], self.labels[which])

    def take_test(self, which: slice) -> Batch:
        """Some of the held-out examples."""
        return self.shown(self.test[which], self.test_labels[which])

    def shown(self, stored: Array, labels: Array) -> Batch:
        """Examples as a network is shown them, shared by all seeds."""
        x = self.numbers(stored)
        return Batch(x[None], self.target(x, labels)[None], labels if self.classes else None)


def check_files(files: Files, what: str, expected: str, fits: Callable[[np.dtype], bool]) -> None:
    """Raise UserError for files that are not `what`, of a type that `fits`, with a class each."""
    if not isinstance(files, Files):
        raise UserError(
            f"these {what} are a {type(files).__name__}: expected "
            "Files(train, train_labels, test, test_labels)"
        )
    sets = {"train": (files.train, files.train_labels), "test": (files.test, files.test_labels)}
    for name, array in files._asdict().items():
        if not isinstance(array, np.ndarray):
            raise UserError(f"{name} is a {type(array).__name__}: expected an array, np.array(...)")
    for name, (examples, labels) in sets.items():
        if examples.ndim != 2 or not fits(examples.dtype):
            raise UserError(
                f"the {name} {what} are {examples.dtype} of shape {examples.shape}: "
                f"expected {expected}"
            )
        if examples.shape[1] != files.train.shape[1]:
            raise UserError(
                f"the test {what} have {examples.shape[1]} numbers each: expected "
                f"{files.train.shape[1]}, as the train {what}"
            )
        if wrong := wrong_in(labels, len(examples)):
            raise UserError(
                f"the {name} labels {wrong}: expected a whole number from 0 on for each of "
                f"{len(examples)} {what}"
            )
        if not len(examples):
            raise UserError(f"there are no {name} {what}: expected one at least")


def wrong_in(labels: np.ndarray, count: int) -> str:
    """What is wrong in the labels of so many examples; nothing where all is well."""
    if labels.dtype.kind not in "iu":
        return f"are {labels.dtype}"
    if labels.shape != (count,):
        return f"are of shape {labels.shape}"
    return f"have {labels.min()}" if count and labels.min() < 0 else ""


def codes_of(setting: Setting, files: Files, targets: Sequence[float]) -> Array:
    """What is wanted for each class, (classes, classes): `targets` of wrong and of right ones."""
    classes = 1 + int(max(files.train_labels.max(), files.test_labels.max()))
    return setting.backend.to_device(np.where(np.eye(classes), targets[1], targets[0]))


def checksums_of(files: Files) -> dict[str, str]:
    """Those of all arrays, for the manifest."""
    names = ("train images", "train labels", "test images", "test labels")  # as in Files
    return {name: sha256(array) for name, array in zip(names, files, strict=True)}


def check_numbers(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise UserError for numbers that nothing can be learned from: a run would only diverge."""
    for name, array in arrays.items():
        whole = np.issubdtype(array.dtype, np.integer)
        if not whole and not np.isfinite(array).all():
            first = np.argwhere(~np.isfinite(array))[0]
            place = ", ".join(map(str, first))
            raise UserError(
                f"this dataset has {name} that are not finite, the first at [{place}]: mend it"
            )


def sha256(array: np.ndarray) -> str:
    """Checksum of an array's bytes, for the manifest."""
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
