"""Whatever is in a config, a data file, a checkpoint or a result: one line, or the right content; never a traceback, nothing lost.

What a person mistypes is in test_errors.py; here come damage and ill will.
"""

import copy
import gzip
import shutil
import zipfile

import hydra
import numpy as np
import pytest
from conftest import run_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fa_cli import config, record
from fa_cli.data import fetch
from fa_cli.errors import UserError
from fa_cli.runs import collect

config.register()
with hydra.initialize_config_dir(str(config.FOLDER), version_base="1.3"):
    PLAIN = OmegaConf.to_container(hydra.compose("config"))
SLOWLY = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
RUN = ["experiment=debug", "seeds=2"]


def keys(node: dict, above: tuple = ()) -> list[tuple]:
    """The paths of all keys of a config."""
    found = []
    for key, value in node.items():
        found += [(*above, key), *(keys(value, (*above, key)) if isinstance(value, dict) else [])]
    return found


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["fa", "linear", "${x}", "${oc.env:HOME}"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["_target_", "rule", "steps", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ABSENT = "absent"


@settings(SLOWLY, max_examples=250)
@given(st.sampled_from(keys(PLAIN)), VALUES | st.just(ABSENT))
@example(("phases",), ABSENT)
@example(("backend",), [])
@example(("model", "sizes"), [[], [2]])
@example(("record", "metrics"), [{"a": 1}])
@example(("phases",), [{"rule": True}])
@example(("steps",), ABSENT)
def test_any_value_anywhere_in_a_config(path, value):
    """It is accepted, or refused as a person's mistake."""
    plain = copy.deepcopy(PLAIN)
    node = plain
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    if value == ABSENT:
        del node[path[-1]]
    try:
        config.check(config.resolve(OmegaConf.create(plain), []))
    except UserError as error:
        assert str(error).strip()


@pytest.mark.parametrize("group", ["model", "rule", "dataset", "backend", "optimizer", "record"])
def test_no_target_in_a_config(group):
    """`_target_` is an unknown key like any other: a config cannot name code to run."""
    plain = copy.deepcopy(PLAIN)
    plain[group]["_target_"] = "os.system"
    with pytest.raises(UserError, match="_target_"):
        config.check(config.resolve(OmegaConf.create(plain), []))


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=../../away"],
        ["rule.name=../../../away"],
        ["+rule.x=/../../../away"],
        ["model.hidden=/../../away"],
    ],
)
def test_no_run_leaves_the_output_folder(tmp_path, words):
    """Whatever a run is called, nothing is written beside `outputs`."""
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    (tmp_path / "a" / "away.yaml").write_text("# @package _global_\nsteps: 5\n")
    done = run_command(inside, *words, "steps=5")
    assert (
        done.returncode == 1
        and "Traceback" not in done.stderr
        and len(done.stderr.splitlines()) == 1
    )
    assert [
        path.name for path in tmp_path.rglob("*") if path.is_file() and "outputs" not in path.parts
    ] == ["away.yaml"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\0", b"\0\0\x08\x03", b"\0\0\x08\x01\0\0\0\x05abc", b"\0\0\x0d\x01\0\0\0\x01abcd", b"\0\0\x08\xff" + b"\xff" * 2000,
        b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff", b"\0\0\x08\x01\0\0\0\x02abc", b"\x89PNG", bytes(100),
    ],
)  # fmt: skip
def test_a_file_that_is_no_idx(content):
    """Refused in one line that names it."""
    with pytest.raises(UserError, match="train-labels is not an IDX file"):
        fetch.idx_array(content, "train-labels")


@settings(SLOWLY, max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_as_idx(content):
    """Refused, or as many bytes as the header announces."""
    try:
        array = fetch.idx_array(b"\0\0\x08" + content, "file")
    except UserError:
        return
    assert array.size == len(content) - 1 - 4 * content[0]


def test_a_gzip_bomb(tmp_path, monkeypatch):
    """Of what blows up, no more is unpacked than the largest known file could hold."""
    monkeypatch.setattr(fetch, "LARGEST", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(64 << 20)))
    assert len(fetch.read(path)) == 1 << 20
    (tmp_path / "mnist").mkdir()
    shutil.copy(path, tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz")
    with pytest.raises(UserError, match="is not the real file"):
        fetch.read_verified(fetch.MNIST, "t10k-images-idx3-ubyte", str(tmp_path))


def test_downloads_are_encrypted():
    """No mirror without HTTPS, and a checksum for each file."""
    for source in fetch.SOURCES.values():
        assert all(mirror.startswith("https://") for mirror in source.mirrors)
        assert all(len(checksum) == 64 for checksum in source.checksums.values())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run that keeps its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    assert (
        run_command(
            folder, *RUN, "record.keep_checkpoint=true", "record.receptive_fields=2"
        ).returncode
        == 0
    )
    (done,) = folder.rglob("done")
    return done.parent


@pytest.fixture
def damaged(trained, tmp_path):
    """A copy of that run, at `outputs/fig2/rule=fa` of this test's folder, to be damaged."""
    return shutil.copytree(trained, tmp_path / "outputs" / "fig2" / "rule=fa")


def arrays_of(path) -> dict:
    """What a .npz file holds."""
    with record.read_npz(path) as stored:
        return {key: stored[key] for key in stored.files}


def bomb(path) -> None:
    """A .npz file that unpacks to a terabyte, as its directory says."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state/W0.npy", bytes(100))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = b"\xfe\xff\xff\xff"
    path.write_bytes(bytes(content))


def huge(path) -> None:
    """An array whose header announces 8 TB."""
    file = (
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117)
        + b"\n"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state/W0.npy", file + bytes(8))


CHECKPOINTS = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no archive"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "half zero": lambda path: path.write_bytes(
        path.read_bytes()[:300] + bytes(path.stat().st_size - 300)
    ),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04K\x01."),
    "pickled objects": lambda path: np.savez(
        path, **(arrays_of(path) | {"identity": np.array([{"a": 1}], dtype=object)})
    ),
    "one array": lambda path: np.save(path.open("wb"), np.zeros(3)),
    "too large": bomb,
    "a huge array": huge,
    "no weights": lambda path: np.savez(
        path, **{key: array for key, array in arrays_of(path).items() if key != "state/W0"}
    ),
    "other shapes": lambda path: np.savez(
        path, **(arrays_of(path) | {"state/W0": np.zeros((2, 3, 4))})
    ),
    "text for weights": lambda path: np.savez(
        path, **(arrays_of(path) | {"state/W0": np.full((2, 20, 64), "a")})
    ),
    "identity no JSON": lambda path: np.savez(
        path, **(arrays_of(path) | {"identity": np.array("{")})
    ),
    "another format": lambda path: np.savez(path, **(arrays_of(path) | {"format": np.array(99)})),
    "format no number": lambda path: np.savez(
        path, **(arrays_of(path) | {"format": np.array(["x", "y"])})
    ),
    "step no number": lambda path: np.savez(path, **(arrays_of(path) | {"step": np.array("x")})),
    "step below zero": lambda path: np.savez(path, **(arrays_of(path) | {"step": np.array(-5)})),
    "step past the end": lambda path: np.savez(
        path, **(arrays_of(path) | {"step": np.array(10**9)})
    ),
    "rows of another length": lambda path: np.savez(
        path, **(arrays_of(path) | {"rows/step": np.array([0])})
    ),
    "a metric of another shape": lambda path: np.savez(
        path, **(arrays_of(path) | {"metrics/0/loss": np.zeros(7)})
    ),
    "ended of another shape": lambda path: np.savez(
        path, **(arrays_of(path) | {"ended": np.zeros(5)})
    ),
}


@pytest.mark.parametrize("damage", CHECKPOINTS)
def test_a_bad_checkpoint(trained, tmp_path, damage):
    """Named and refused in one line, and left as it is."""
    shutil.copytree(trained.parents[2], tmp_path, dirs_exist_ok=True)
    (path,) = tmp_path.rglob("checkpoint.npz")
    path.with_name("done").unlink()
    CHECKPOINTS[damage](path)
    before = path.read_bytes()
    done = run_command(tmp_path, *RUN, "record.keep_checkpoint=true", "record.receptive_fields=2")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and "checkpoint.npz" in done.stderr, done.stderr
    assert path.read_bytes() == before


@settings(SLOWLY, max_examples=300)
@given(st.integers(0), st.integers(1, 255), st.booleans())
def test_any_damage_of_an_npz_file(trained, place, change, cut):
    """A byte that changed or an end that is missing: the file is refused, or its arrays are what they were."""
    content = bytearray((trained / "arrays.npz").read_bytes())
    place %= len(content)
    content[place] ^= change
    path = trained / "damaged.npz"
    path.write_bytes(bytes(content[:place] if cut else content))
    try:
        found = arrays_of(path)
    except (UserError, MemoryError, *record.DAMAGE):
        return
    finally:
        path.unlink()
    expected = arrays_of(trained / "arrays.npz")
    assert all(
        np.array_equal(array, expected[key]) for key, array in found.items() if key in expected
    )


RESULTS = {  # file, content
    "metrics empty": ("metrics.csv", b""),
    "metrics binary": ("metrics.csv", bytes(range(256)) * 3),
    "metrics without columns": ("metrics.csv", b"a,b\n1,2\n"),
    "metrics of words": ("metrics.csv", b"seed,step,epoch,examples,phase,nse\nx,y,z,u,v,w\n"),
    "metrics cut": ("metrics.csv", b'seed,step,epoch,examples,phase,nse\n0,0,"'),
    "metrics without rows": ("metrics.csv", b"seed,step,epoch,examples,phase,nse\n"),
    "config of Python objects": (
        "config.yaml",
        b"!!python/object/apply:os.system ['touch pwned']\n",
    ),
    "config a list": ("config.yaml", b"- 1\n"),
    "config no YAML": ("config.yaml", b"a: [1\n"),
    "config empty": ("config.yaml", b""),
    "config binary": ("config.yaml", b"\xff\xfe\x00"),
    "arrays text": ("arrays.npz", b"text"),
}


@pytest.mark.parametrize("damage", RESULTS)
def test_bad_results(damaged, tmp_path, damage):
    """`runs`, `plot` and `report` say what is damaged and how to make it anew, or do without; nothing is run or changed."""
    name, content = RESULTS[damage]
    (damaged / name).write_bytes(content)
    before = {path: path.read_bytes() for path in damaged.rglob("*") if path.is_file()}
    for words in (["plot", "figure=fig2"], ["report"]):
        done = run_command(tmp_path, *words)
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 1, done.stderr
        if name != "arrays.npz" or done.returncode:
            assert words == ["report"] or (done.returncode == 1 and "rule=fa" in done.stderr), (
                done.stderr
            )
    status = collect(tmp_path / "outputs").table["status"].tolist()
    assert set(status) == {"done" if name == "arrays.npz" else "damaged"}, status
    assert {path: path.read_bytes() for path in before} == before and not (
        tmp_path / "pwned"
    ).exists()
