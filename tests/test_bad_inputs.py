"""Whatever is in a config, a data file, a checkpoint or a result: one line, or the right content.

Never a traceback, nothing lost. What a person mistypes is in test_errors.py; here come damage and
ill will.
"""

import copy
import gzip
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers import run_here, snapshot, succeed, told
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_configs import PARTS, checked, composed, files_of

import fa_cli
from fa_cli import schema
from fa_cli.data import fetch
from fa_cli.data.mnist import MNIST
from fa_cli.errors import UserError
from fa_cli.results.formats import DAMAGE, npz, read_npz
from fa_cli.results.reading import load_run
from fa_cli.results.runs import collect
from fa_cli.schema import RunConfig

SLOWLY = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
RUN = ["experiment=debug", "seeds=2", "record.keep_checkpoint=true", "record.receptive_fields=2"]

# ---- configs -------------------------------------------------------------------------------------

ABSENT = "absent"
FILES = files_of(PARTS)
WORDS = ["fa", "linear", "${x}", "${oc.env:HOME}"]
NAMES = ["_target_", "kind", "maps", "rule", "steps", "name"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=6,
)
GARBAGE = [ABSENT, None, "a", True, 0, -1, 1.5, float("nan"), [], ["a"], [None], {"a": 1}, "${x}"]
IMAGE = [1, 8, 8]
BAD_LISTS = [
    *(5, [5], [30, "a", 10], [30, 0, 10], [30, -2, 10], [30, None, 10], [30, 2.5, 10], [[], 10]),
    *([[1, 8], 10], [[1, 0, 8], 10], [["a", 8, 8], 10], [IMAGE, IMAGE], [IMAGE, []], [IMAGE, {}]),
    *([30, {"kind": "conv", "maps": 2, "field": 3}], [IMAGE, {"kind": ["conv"]}, 10]),
    *([IMAGE, {"kind": "local", "maps": 2}, 10], [IMAGE, {"kind": "dense", "units": "a"}, 10]),
    [IMAGE, {"kind": "conv", "maps": 0, "field": 3}, 10],
    [IMAGE, {"kind": "conv", "maps": 2, "field": 9}, 10],
    [IMAGE, {"kind": "conv", "maps": 2, "field": 3, "stride": 2}, 10],
]


def places(node: Any, above: tuple = ()) -> Iterator[tuple]:
    """The paths to all values below a node of a config, those in lists included."""
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            yield (*above, key)
            yield from places(node[key], (*above, key))


def own_keys(file: str) -> list[tuple]:
    """The keys that an option file such as `dataset=teacher` sets."""
    group, name = file.split("=")
    written = yaml.safe_load((schema.FOLDER / group / f"{name}.yaml").read_text())
    return [(group, key) for key in written.get(group, written)]


def with_value(file: str, place: tuple, value: Any) -> RunConfig:
    """The checked config that an option file composes, with another value in one place."""
    plain = copy.deepcopy(composed(file))
    node = plain
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    if value == ABSENT:
        del node[place[-1]]
    return checked(plain)


@st.composite
def anywhere(draw: Callable) -> tuple[str, tuple]:
    """An option file, and a place in the config that it composes."""
    file = draw(st.sampled_from(FILES))
    return file, draw(st.sampled_from([*places(composed(file))]))


@pytest.mark.quick
@settings(SLOWLY, max_examples=100)
@given(anywhere(), VALUES | st.just(ABSENT))
@example(("rule=fa", ("phases",)), ABSENT)
@example(("rule=fa", ("backend",)), [])
@example(("rule=fa", ("record", "metrics")), [{"a": 1}])
@example(("rule=fa", ("phases",)), [{"rule": True}])
@example(("rule=fa", ("steps",)), ABSENT)
def test_any_value_anywhere_in_a_config(where, value):
    """It is accepted, or refused as a person's mistake."""
    try:
        assert isinstance(with_value(*where, value), RunConfig)
    except UserError as error:
        assert str(error).strip()


@pytest.mark.quick
@pytest.mark.parametrize("file", FILES)
def test_garbage_in_every_option(file):
    """Whatever an option file sets: a wrong value is told with its key, or with its name."""
    for group, key in own_keys(file):
        named = (f"{group}.{key}", f"no {group} is called", "no kind of layer is called")
        refused = 0
        for value in GARBAGE + BAD_LISTS * (key in ("sizes", "layers")):
            try:
                with_value(file, (group, key), value)
            except UserError as error:
                refused += 1
                assert any(culprit in str(error) for culprit in named), (key, value, error)
        assert refused > 4, key


@pytest.mark.quick
@pytest.mark.parametrize("group", [*PARTS, "record"])
def test_no_target_in_a_config(group):
    """`_target_` is an unknown key like any other: a config cannot name code to run."""
    with pytest.raises(UserError, match="_target_"):
        with_value("rule=fa", (group, "_target_"), "os.system")


@pytest.mark.quick
@pytest.mark.parametrize("value", ["", None, [1], {"a": 1}])
def test_results_need_a_folder(value):
    """Without a name `outputs` would be the root of the file system."""
    with pytest.raises(UserError, match="outputs"):
        with_value("rule=fa", ("outputs",), value)


@pytest.mark.parametrize(
    "word",
    ["experiment=../../away", "rule.name=../../away", "+rule.x=/../away", "model.hidden=/../away"],
)
def test_no_run_leaves_the_output_folder(tmp_path, word):
    """Whatever a run is called, nothing is written beside `outputs`."""
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    (tmp_path / "a" / "away.yaml").write_text("# @package _global_\nsteps: 5\n")
    told(run_here(inside, word, "steps=5"))
    beside = [path for path in snapshot(tmp_path) if "outputs" not in path.parts]
    assert beside == [tmp_path / "a" / "away.yaml"]


# ---- data files ----------------------------------------------------------------------------------

NO_IDX = [
    *(b"", b"\0", b"\0\0\x08\x03", b"\x89PNG", bytes(100), b"\0\0\x08\x01\0\0\0\x02abc"),
    *(b"\0\0\x08\x01\0\0\0\x05abc", b"\0\0\x0d\x01\0\0\0\x01abcd"),
    *(b"\0\0\x08\xff" + b"\xff" * 2000, b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff"),
]


@pytest.mark.quick
@pytest.mark.parametrize("content", NO_IDX)
def test_a_file_that_is_no_idx(content):
    """Refused in one line that names it."""
    with pytest.raises(UserError, match="train-labels is not an IDX file"):
        fetch.idx_array(content, "train-labels")


@pytest.mark.quick
@settings(SLOWLY, max_examples=300)
@given(st.binary(max_size=40))
def test_any_bytes_as_idx(content):
    """Refused, or as many bytes as the header announces."""
    try:
        array = fetch.idx_array(b"\0\0\x08" + content, "file")
    except UserError:
        return
    assert array.size == len(content) - 1 - 4 * content[0]


@pytest.mark.quick
def test_a_gzip_bomb(tmp_path, monkeypatch):
    """Of what blows up, no more is unpacked than the largest known file could hold."""
    monkeypatch.setattr(fetch, "LARGEST", 1 << 20)
    path = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(bytes(16 << 20)))
    assert len(fetch.read(path)) == 1 << 20
    with pytest.raises(UserError, match="is not the real file"):
        fetch.read_verified(MNIST, "t10k-images-idx3-ubyte", str(tmp_path))


@pytest.mark.quick
def test_downloads_are_encrypted():
    """No mirror without HTTPS, and a checksum for each file."""
    sources = [kind.fetched for kind in fetch.having_files().values() if kind.fetched]
    assert {source.name for source in sources} == {"mnist", "fashion_mnist"}
    for source in sources:
        assert source.mirrors and source.checksums
        assert all(mirror.startswith("https://") for mirror in source.mirrors)
        assert all(len(checksum) == 64 for checksum in source.checksums.values())


# ---- checkpoints and results ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a finished run that keeps its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    succeed(run_here(folder, *RUN))
    return next(folder.rglob("done")).parent


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """What a .npz file holds."""
    with read_npz(path) as stored:
        return {key: stored[key] for key in stored.files}


def holding(arrays: Mapping[str, Any]) -> Callable[[Path], None]:
    """A damage: other arrays in place of some, or None for one that is missing."""

    def damage(path: Path) -> None:
        kept = arrays_of(path) | arrays
        np.savez(path, **{key: array for key, array in kept.items() if array is not None})

    return damage


def of_one_file(content: bytes) -> Callable[[Path], None]:
    """A damage: an archive with nothing but this in the place of an array."""

    def damage(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("state/W0.npy", content)

    return damage


def bomb(path: Path) -> None:
    """A damage: two files that unpack to 4 GiB each, as the archive's directory says."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W0.npy", bytes(100))
        archive.writestr("W1.npy", bytes(100))
    content = path.read_bytes()
    directory = content.index(b"PK\x01\x02")
    announced = content[directory:].replace(b"\x64\0\0\0", b"\xfe\xff\xff\xff")
    path.write_bytes(content[:directory] + announced)


HUGE = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + b"\n"
)
BROKEN = {  # .npz files of any kind
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no archive"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "half zero": lambda path: path.write_bytes(path.read_bytes()[:300] + bytes(300)),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04K\x01."),
    "pickled objects": holding({"step": np.array([{"a": 1}], dtype=object)}),
    "one array": lambda path: np.save(path.open("wb"), np.zeros(3)),
    "too large": bomb,
    "a huge array": of_one_file(HUGE + bytes(8)),
    "no array": of_one_file(b"text"),
}
WRONG = {  # checkpoints that are whole
    "no weights": holding({"state/W0": None}),
    "no step": holding({"step": None}),
    "other shapes": holding({"state/W0": np.zeros((2, 3, 4))}),
    "text for weights": holding({"state/W0": np.full((2, 20, 64), "a")}),
    "identity no JSON": holding({"identity": np.array("{")}),
    "another format": holding({"format": np.array(99)}),
    "format no number": holding({"format": np.array(["x", "y"])}),
    "step no number": holding({"step": np.array("x")}),
    "step below zero": holding({"step": np.array(-5)}),
    "step past the end": holding({"step": np.array(10**9)}),
    "rows of another length": holding({"rows/step": np.array([0])}),
    "a metric of another shape": holding({"metrics/0/loss": np.zeros(7)}),
    "ended of another shape": holding({"ended": np.zeros(5)}),
}
CHECKPOINTS = BROKEN | WRONG
REASONS = {"another format": "another version", "too large": "more than 4 GiB"}


@pytest.mark.parametrize("damage", CHECKPOINTS)
def test_a_bad_checkpoint(trained, tmp_path, damage):
    """Named and refused in one line, and left as it is."""
    shutil.copytree(trained.parents[2], tmp_path, dirs_exist_ok=True)
    (path,) = tmp_path.rglob("checkpoint.npz")
    path.with_name("done").unlink()
    CHECKPOINTS[damage](path)
    before = path.read_bytes()
    told(run_here(tmp_path, *RUN), "checkpoint.npz", REASONS.get(damage, "is damaged"))
    assert path.read_bytes() == before


@pytest.fixture
def damaged(trained, tmp_path):
    """A copy of that run, at `outputs/fig2/rule=fa` of this test's folder, to be damaged."""
    return shutil.copytree(trained, tmp_path / "outputs" / "fig2" / "rule=fa")


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_file_of_arrays(damaged, damage):
    """Whoever reads the run is told of it."""
    BROKEN[damage](damaged / "arrays.npz")
    with pytest.raises(UserError, match="is damaged"):
        load_run(damaged)


def all_damage(content: bytes, end: int) -> Iterator[bytes]:
    """Some bytes with any single bit changed up to `end`, and cut off at any place up to there."""
    for place in range(end):
        yield content[:place]
        for bit in range(8):
            changed = content[place] ^ (1 << bit)
            yield content[:place] + bytes([changed]) + content[place + 1 :]


SMALL = {"nse": np.arange(3.0), "step": np.arange(2)}  # read whole before they are parsed
LARGE = {"nse": np.arange(2000.0)}  # zipfile would give its header before it knows its checksum
DAMAGED = {"all of a small": (SMALL, None), "the head of a large": (LARGE, 200)}


@pytest.mark.parametrize("part", DAMAGED)
def test_any_damage_of_an_npz_file(damaged, part):
    """A changed bit, a missing end: the file is refused, or all in it is as it was."""
    path, refused, read = damaged / "arrays.npz", {}, 0
    expected, end = DAMAGED[part]
    whole = npz(expected, compress=False)
    for content in all_damage(whole, end or len(whole)):
        path.write_bytes(content)
        try:
            found = arrays_of(path)
        except (UserError, *DAMAGE) as error:
            refused.setdefault(type(error), content)
            continue
        read += 1
        assert [*found] == [*expected]
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert read > 100 and refused  # such as dates; of each kind of refusal the first
    for content in refused.values():
        path.write_bytes(content)
        with pytest.raises(UserError, match="is damaged"):
            load_run(damaged)


HEADERS = {
    "not closed": b"{'descr': '<f8', 'fortran_order': False, 'shape': (2000, ",
    "no Python": b"{'descr': '<f8', 'fortran_order': False, 'shape': (2000,) 1 }",
    "indented": b"{}\n   1\n 2",
    "too large for memory": b"{'descr': '<f8', 'fortran_order': False, 'shape': (1%s,)}"
    % (b"0" * 15),
    "too large for a number": b"{'descr': '<f8', 'fortran_order': False, 'shape': (9%s,), }"
    % (b"9" * 30),
    "negative": b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
    "objects": b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "no type": b"{'descr': 'what', 'fortran_order': False, 'shape': (1,), }",
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_makes_no_array(damaged, header):
    """The checksums are right, but what they are of is no array: one line says so."""
    text = HEADERS[header].ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)
    with zipfile.ZipFile(damaged / "arrays.npz", "w") as file:
        file.writestr("nse.npy", array)
    with pytest.raises(UserError, match="is damaged"):
        load_run(damaged)


RESULTS = {  # file, content
    "metrics empty": ("metrics.csv", b""),
    "metrics binary": ("metrics.csv", bytes(range(256)) * 3),
    "metrics without columns": ("metrics.csv", b"a,b\n1,2\n"),
    "metrics of words": ("metrics.csv", b"seed,step,epoch,examples,phase,nse\nx,y,z,u,v,w\n"),
    "metrics cut": ("metrics.csv", b'seed,step,epoch,examples,phase,nse\n0,0,"'),
    "metrics without rows": ("metrics.csv", b"seed,step,epoch,examples,phase,nse\n"),
    "Python objects": ("config.yaml", b"!!python/object/apply:os.system ['touch pwned']\n"),
    "config a list": ("config.yaml", b"- 1\n"),
    "config no YAML": ("config.yaml", b"a: [1\n"),
    "config empty": ("config.yaml", b""),
    "config binary": ("config.yaml", b"\xff\xfe\x00"),
    "arrays text": ("arrays.npz", b"text"),
}


@pytest.mark.parametrize("damage", RESULTS)
def test_bad_results(damaged, tmp_path, damage):
    """`plot`, `report` and `runs` say what is damaged, or do without; nothing is run or changed."""
    name, content = RESULTS[damage]
    (damaged / name).write_bytes(content)
    before = snapshot(damaged)
    told(run_here(tmp_path, "plot", "figure=fig2"), "rule=fa", "is damaged")
    succeed(run_here(tmp_path, "report"))
    (row,) = (tmp_path / "outputs").glob("report.csv")
    assert "rule=fa" in row.read_text() and "is damaged" in row.read_text()
    assert collect(tmp_path / "outputs").table["status"].tolist() == ["damaged"]
    told(run_here(tmp_path, "export"), "rule=fa", "is damaged")
    assert snapshot(damaged) == before and not (tmp_path / "pwned").exists()


def test_the_others_of_a_damaged_run(damaged, tmp_path):
    """They are exported and loaded; which is left out is told."""
    succeed(run_here(tmp_path, "steps=9", "seeds=1"))
    (damaged / "metrics.csv").write_bytes(b"")
    done = run_here(tmp_path, "export")
    assert "1 runs" in succeed(done)
    assert "left out: " in done.stderr and "rule=fa is damaged" in done.stderr
    (damaged / "metrics.csv").unlink()
    assert len(fa_cli.load(tmp_path / "outputs").runs) == 1
