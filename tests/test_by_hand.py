"""Data that a person must get: house numbers, speech, digits over photographs, in small files."""

import errno
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import DATA, needs_mnist, run_here, succeed, told
from scipy.io import loadmat
from small_data import COUNTS, write_all, write_svhn, write_timit
from test_cli import metrics_of, run_folder

from fa_cli.data import mnist_back_image, spoken_digits, svhn, timit
from fa_cli.data.by_hand import converted
from fa_cli.errors import UserError

SMALL = ["seeds=2", "epochs=1", "batch_size=5", "record.examples=5"]
RUNS = {  # experiment: a small network in place of its own
    "note6_tanh": ["model.sizes=[1024,6,6,6,6,10]"],
    "note6_local": ["model.layers=[[1,32,32],{kind:local,maps:1,field:30},6,6,6,10]"],
    "note6_piecewise": ["model.layers=[[1,32,32],{kind:local,maps:1,field:30},6,6,6,10]"],
    "note7": ["model.sizes=[39,6,6,6,6]"],
    "note5_back_image": ["model.sizes=[784,6,6,6,10]"],
}

AMAT = [f"mnist_back_image/{name}" for name in (mnist_back_image.TRAIN, mnist_back_image.TEST)]


def setting(data_dir) -> SimpleNamespace:
    """As much of a run's setting as a source of files reads."""
    return SimpleNamespace(data_dir=str(data_dir), fetch=False)


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """A folder with a few examples of each dataset."""
    monkeypatch.setattr(svhn, "MD5", {**svhn.MD5})
    monkeypatch.setattr(mnist_back_image, "COUNTS", {**mnist_back_image.COUNTS})
    pytest.importorskip("soundfile")
    write_all(tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.slow
@pytest.mark.parametrize("experiment", RUNS)
def test_an_experiment_from_end_to_end(tmp_path, data_dir, experiment):
    """From the files to the test error; converted files are read when it runs again."""
    words = [f"experiment={experiment}", *RUNS[experiment], *SMALL, f"data_dir={data_dir}"]
    first = run_here(tmp_path, *words)
    succeed(first)
    assert "converting" in first.stderr
    assert metrics_of(tmp_path)["test_error"].between(0, 100).all()
    assert len(json.loads((run_folder(tmp_path) / "manifest.json").read_text())["data"]) == 4
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in data_dir.glob("*/converted"))
    again = run_here(tmp_path, *words, "resume=false")
    assert succeed(again) and "converting" not in again.stderr


@pytest.mark.parametrize(
    ("experiment", "said"),
    [
        ("note6_tanh", "ufldl.stanford.edu/housenumbers"),
        ("note7", "LDC93S1"),
        ("note5_back_image", "icml2007data"),
    ],
)
def test_where_to_get_what_is_missing(tmp_path, experiment, said):
    """One line: where it comes from, and where to put it."""
    words = [f"experiment={experiment}", *RUNS[experiment], f"data_dir={tmp_path}"]
    done = run_here(tmp_path, *words)
    told(done, said, f"is not in {tmp_path}")


def test_house_numbers_are_the_mean_of_their_channels(data_dir):
    """train, then extra; rows of pixels as in the picture; label 10 is the digit 0."""
    files = svhn.svhn(setting(data_dir))
    assert files.train.shape == (55, 1024) and files.test.shape == (12, 1024)
    extra = loadmat(data_dir / "svhn" / "extra_32x32.mat")["X"]
    expected = extra[..., 3].astype(float).mean(axis=2).round()
    np.testing.assert_array_equal(files.train[33].reshape(32, 32), expected)
    assert files.train_labels[:12].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]
    assert isinstance(files.train, np.memmap)


def test_another_file_than_the_published_one(tmp_path):
    """Its MD5 decides, and nothing is converted before."""
    write_svhn(tmp_path)
    with pytest.raises(UserError, match="is not the published file: its MD5 is"):
        svhn.svhn(setting(tmp_path))
    assert {path.name for path in (tmp_path / "svhn").iterdir()} == {*COUNTS}


def test_the_larger_set_is_trained_on(data_dir):
    """The file called test, as in the paper; pixels come back as they were, images upright."""
    files = mnist_back_image.mnist_back_image(setting(data_dir))
    assert files.train.shape == (60, 784) and files.test.shape == (15, 784)
    expected = np.random.default_rng(0).integers(0, 256, (60, 784))
    upright = expected.reshape(-1, 28, 28).swapaxes(1, 2)
    np.testing.assert_array_equal(files.train.reshape(-1, 28, 28), upright)


@pytest.mark.slow
@needs_mnist
def test_digits_over_a_photograph_of_our_own():
    """As many as in the paper; digits are in front; two runs see the same."""
    files = mnist_back_image.mnist_back_image_synthetic(setting(DATA))
    assert files.train.shape == (50_000, 784) and files.test.shape == (10_000, 784)
    again = mnist_back_image.patches(50_000, 0)
    assert (files.train >= again).all() and (files.train == again).mean() > 0.7
    assert again[:100].std(axis=1).min() > 12


@pytest.mark.slow
def test_stop_consonants(data_dir):
    """13 coefficients and two derivatives of each 10 ms frame in one of six phones, less SA."""
    files = timit.files_of(data_dir / "timit")
    assert files.train.shape == (2 * 6 * 10, 39) and files.test.shape == (2 * 6 * 10, 39)
    assert np.bincount(files.train_labels).tolist() == [20] * 6
    assert np.isfinite(files.train).all() and files.train.std(axis=0).min() > 0


@pytest.mark.slow
def test_spoken_digits(tmp_path, data_dir):
    """The first five of each digit and speaker are tested on; from the files to the test error."""
    files = spoken_digits.spoken_digits(setting(data_dir))
    assert files.train.shape == (3 * 15, 390) and files.test.shape == (3 * 5, 390)
    assert files.train_labels.tolist() == [*[0] * 15, *[1] * 15, *[2] * 15]
    assert np.isfinite(files.train).all()
    assert np.abs(files.train[0] - files.train[1]).max() > 0.1
    words = ["dataset=spoken_digits", "model=deep", "model.sizes=[390,6,3]", "steps=3"]
    succeed(run_here(tmp_path, *words, f"data_dir={data_dir}"))
    assert "your files in" in succeed(run_here(tmp_path, "data", f"data_dir={data_dir}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda whole: whole[:-2], "of 4044 bytes are there"),
        (lambda whole: as_riff(whole, 500), "it is shorter than 0.1 s"),
        (lambda whole: b"no sound at all", ""),
    ],
)
def test_a_spoken_digit_that_is_damaged(data_dir, content, said):
    """The line names it."""
    path = data_dir / "spoken_digits" / "recordings" / "1_jackson_0.wav"
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(UserError, match=f"1_jackson_0.wav: .*{said}"):
        spoken_digits.spoken_digits(setting(data_dir))


@pytest.mark.parametrize("name", ["svhn", "timit", "mnist_back_image", "spoken_digits"])
def test_data_that_a_person_must_get_are_listed(tmp_path, name):
    """`fa-run data` says where from; asked for them it fails with that line, as a run does."""
    listed = succeed(run_here(tmp_path, "data", f"data_dir={tmp_path}"))
    line = next(line for line in listed.splitlines() if line.startswith(f"{name}  "))
    told(run_here(tmp_path, "data", name, f"data_dir={tmp_path}"), line.split("  ", 1)[1])


def ready_vectors(data_dir: Path) -> dict[str, np.ndarray]:
    """A small vectors.npz, and what is in it."""
    rng, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 20), ("test", 8)):
        arrays[part] = rng.standard_normal((count, 39)).astype(np.float32)
        arrays[f"{part}_labels"] = np.arange(count) % 6
    (data_dir / "timit").mkdir()
    np.savez(data_dir / "timit" / "vectors.npz", **arrays)
    return arrays


def test_data_that_change_under_a_checkpoint(tmp_path):
    """An unfinished run does not go on with them, and nothing of it is measured on them."""
    arrays = ready_vectors(tmp_path)
    words = ["experiment=note7", *RUNS["note7"], *SMALL, f"data_dir={tmp_path}"]
    words.append("record.keep_checkpoint=true")
    succeed(run_here(tmp_path, *words))
    (done,) = tmp_path.rglob("done")
    done.unlink()
    changed = {**arrays, "train": arrays["train"] + 1}
    np.savez(tmp_path / "timit" / "vectors.npz", **changed)
    line = "checkpoint.npz was made with other train images than are there now"
    told(run_here(tmp_path, *words), line, "resume=false")
    told(run_here(tmp_path, "measure", f"data_dir={tmp_path}"), line)
    np.savez(tmp_path / "timit" / "vectors.npz", **arrays)
    succeed(run_here(tmp_path, *words))


def test_ready_vectors(tmp_path):
    """vectors.npz needs no recordings; one that lacks an array is refused."""
    arrays = ready_vectors(tmp_path)
    words = ["experiment=note7", *RUNS["note7"], *SMALL, f"data_dir={tmp_path}"]
    succeed(run_here(tmp_path, *words))
    arrays["train"][5, 2] += 1
    np.savez(tmp_path / "timit" / "vectors.npz", **arrays)
    told(run_here(tmp_path, *words), "was made with other train images of dataset=timit")
    (tmp_path / "timit").rename(tmp_path / "away")
    assert "finished before" in succeed(run_here(tmp_path, *words))
    (tmp_path / "away").rename(tmp_path / "timit")
    arrays["train"][5, 2] = np.nan
    np.savez(tmp_path / "timit" / "vectors.npz", **arrays)
    line = "train examples that are not finite, the first at [5, 2]"
    told(run_here(tmp_path, *words, "resume=false"), line)
    arrays["train_labels"] = np.array(["b", "d"] * 10, object)
    np.savez(tmp_path / "timit" / "vectors.npz", **arrays)
    told(run_here(tmp_path, *words, "resume=false"), "vectors.npz holds other arrays than numbers")
    del arrays["test"]
    np.savez(tmp_path / "timit" / "vectors.npz", **arrays)
    told(run_here(tmp_path, *words, "resume=false"), "vectors.npz has no test: expected train")


@pytest.mark.parametrize(
    ("experiment", "names"), [("note7", ["timit/vectors.npz"]), ("note5_back_image", AMAT)]
)
def test_a_file_that_is_damaged(tmp_path, experiment, names):
    """One line says which, and no half of it is kept."""
    folder = (tmp_path / names[0]).parent
    folder.mkdir()
    for name in names:
        (tmp_path / name).write_bytes(b"PK\3\4 1 2 three")
    words = [f"experiment={experiment}", *RUNS[experiment], *SMALL, f"data_dir={tmp_path}"]
    done = run_here(tmp_path, *words)
    assert done.returncode == 1 and str(folder) in done.stderr.splitlines()[-1]
    assert not (folder / "converted").exists()


@pytest.mark.parametrize("name", AMAT)
@pytest.mark.parametrize("kept", [0.4, 0.5], ids=["within a row", "after a row"])
def test_a_file_of_images_that_was_cut(data_dir, name, kept):
    """There is no checksum of it: its rows are counted."""
    whole = (data_dir / name).read_text().splitlines(keepends=True)
    rows = whole[: int(kept * len(whole))]
    (data_dir / name).write_text("".join(rows)[: -900 if kept < 0.5 else None])
    with pytest.raises(UserError, match="whole rows of 785 numbers"):
        mnist_back_image.mnist_back_image(setting(data_dir))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "content", "said"),
    [
        (".WAV", lambda whole: whole[:-2], "15999 of 16000 samples are there"),
        (".WAV", lambda whole: as_riff(whole, 7000), "it ends before its labels, at 7000 of 16000"),
        (".WAV", lambda whole: b"no sound", "Format not recognised"),
        (".PHN", lambda whole: b"0 5\n", "not enough values"),
        (".PHN", lambda whole: whole + b"\xff", "codec"),
    ],
)
def test_a_recording_that_is_damaged(data_dir, suffix, content, said):
    """One of thousands: the line names it."""
    path = data_dir / "timit" / "TRAIN" / "DR1" / "FABC0" / f"SX7{suffix}"
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(UserError, match=f"SX7.WAV: .*{said}"):
        timit.files_of(data_dir / "timit")


def as_riff(sphere: bytes, samples: int) -> bytes:
    """The first samples of a recording in another format, whose header agrees with them."""
    import soundfile

    sound, rate = soundfile.read(io.BytesIO(sphere), stop=samples)
    soundfile.write(riff := io.BytesIO(), sound, rate, format="WAV")
    return riff.getvalue()


@pytest.mark.slow
def test_recordings_that_lie_elsewhere(tmp_path):
    """TRAIN and TEST are links, and so may be train: none is taken twice."""
    pytest.importorskip("soundfile")
    write_timit(tmp_path / "licensed")
    (tmp_path / "timit").mkdir()
    for part in ("TRAIN", "TEST"):
        (tmp_path / "timit" / part).symlink_to(tmp_path / "licensed" / "timit" / part)
    (tmp_path / "timit" / "train").symlink_to("TRAIN")
    (tmp_path / "timit" / "loop").symlink_to(".")
    assert timit.files_of(tmp_path / "timit").train.shape == (120, 39)


def test_a_full_disk_is_no_damage(tmp_path):
    """What is told of it is not to download the files again."""

    def convert(folder, into):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        converted(tmp_path, convert)
    assert not (tmp_path / "converted").exists()


def test_without_the_audio_library(tmp_path, monkeypatch):
    """Recordings want it; one line says how to get it."""
    pytest.importorskip("soundfile")
    write_timit(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "librosa", None)
    with pytest.raises(UserError, match=r"pip install 'fa-run\[audio\]'"):
        timit.files_of(tmp_path / "timit")
    assert not (tmp_path / "timit" / "converted").exists()


CONVERT = """
from pathlib import Path
from fa_cli.data import svhn
from fa_cli.results.recorder import peak_memory
svhn.check_md5 = lambda folder, sums: None
svhn.convert(Path("small"), Path("small"))
before = peak_memory()
svhn.convert(Path("svhn"), Path("svhn"))
print(peak_memory() - before)
"""


@pytest.mark.slow
def test_a_large_file_is_read_once(tmp_path, monkeypatch):
    """Converting takes the memory of the largest file's pixels, and little more.

    Of the true files those are 1.6 GB, and all is to be below 2 GB.
    """
    write_svhn(tmp_path)
    (tmp_path / "svhn").rename(tmp_path / "small")
    monkeypatch.setitem(COUNTS, "extra_32x32.mat", 40_000)
    write_svhn(tmp_path)
    done = subprocess.run([sys.executable, "-c", CONVERT], cwd=tmp_path, capture_output=True)
    pixels = 40_000 * 3072 / 2**20
    assert pixels < float(done.stdout) < pixels + 45  # MiB
