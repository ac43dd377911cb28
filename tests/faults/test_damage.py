"""A file of a run, cut or changed at random: refused in one line, or all comes out as before."""

import io
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from faults import count, damaged, generator
from helpers import run_here, snapshot, succeed, told

import fa_cli

FOLDER = Path("outputs/fig3_mnist/rule=fa")  # where figures and claims look for it
RUN = ["experiment=debug", "model.sizes=[64,5,10]", "steps=60", f"hydra.run.dir='{FOLDER}'"]
RUN += ["record.every=20", "record.audit=2", "record.receptive_fields=4"]
RUN += ["record.keep_checkpoint=true", "record.checkpoint_seconds=0"]
LOOKS = [["plot", "figure=fig3"], ["plot", "figure=figS5"], ["export"], RUN]
CLAIM = ["report", "claim=F3.2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run, and what all who read it say."""
    folder = tmp_path_factory.mktemp("finished")
    succeed(run_here(folder, *RUN))
    said = {tuple(words): succeed(run_here(folder, *words)) for words in [*LOOKS, CLAIM]}
    return folder, said, loaded(folder), listed(folder)


def loaded(folder: Path) -> list[Any]:
    """All that `fa_cli.load` gives of the one run there, as comparable values."""
    results = fa_cli.load(folder / "outputs")
    (run,) = results.runs
    arrays = {name: array.tobytes() for name, array in run.arrays.items()}
    return [results.metrics.to_csv(), results.summary.to_csv(), run.config, arrays]


def listed(folder: Path) -> pd.DataFrame:
    """What `fa-run runs` lists, without the age."""
    text = succeed(run_here(folder, "runs", "--csv"))
    return pd.read_csv(io.StringIO(text)).drop(columns="age")


def cases(files: Mapping[Path, bytes], number: int, rng: np.random.Generator) -> list[tuple]:
    """Files with their damage: each file cut and flipped about as often as any other."""
    kinds = [*product(sorted(path for path in files if files[path]), ("cut", "flipped"))]
    chosen = [kinds[k % len(kinds)] for k in rng.permutation(len(kinds))[:number]]
    while len(chosen) < number:
        chosen += kinds[: number - len(chosen)]
    return [(path, damaged(files[path], kind, rng)) for path, kind in chosen]


def test_a_damaged_result(finished, tell):
    """Whoever reads the run refuses it in one line or gives what it gave, and changes nothing."""
    folder, said, values, table = finished
    before, right, refused = snapshot(folder), 0, 0
    number = count(4)
    files = {path: before[path] for path in before if path.is_relative_to(folder / FOLDER)}
    for path, content in cases(files, number, generator(1)):
        path.write_bytes(content)
        fine = [read_by(folder, words, said) for words in LOOKS]
        fine += [judged(folder, said), found(folder, values), in_table(folder, table)]
        assert snapshot(folder) == before | {path: content}
        assert len({*fine}) == 1, (path, fine)
        right, refused = right + fine[0], refused + (not fine[0])
        path.write_bytes(before[path])
    tell(f"damaged results: {refused} of {number} refused in one line, {right} read as before")
    assert refused and right + refused == number


def read_by(folder: Path, words: list[str], said: Mapping) -> bool:
    """Whether a command says what it said; else it must refuse."""
    done = run_here(folder, *words)
    if done.returncode:
        assert "is damaged" in done.stderr or (words == RUN and "another config" in done.stderr)
        told(done, str(FOLDER))
    else:
        assert done.stdout == said[tuple(words)] and not done.stderr, done
    return not done.returncode


def judged(folder: Path, said: Mapping) -> bool:
    """Whether a claim is judged as it was; else it says why it cannot be."""
    text = succeed(run_here(folder, *CLAIM))
    assert text == said[tuple(CLAIM)] or "is damaged" in text, text
    return text == said[tuple(CLAIM)]


def found(folder: Path, values: list[Any]) -> bool:
    """Whether the run is loaded as it was; else that is refused."""
    try:
        assert loaded(folder) == values
    except fa_cli.UserError as error:
        assert "is damaged" in str(error)
        return False
    return True


def in_table(folder: Path, table: pd.DataFrame) -> bool:
    """Whether the run is listed as it was; else as damaged, without numbers."""
    now = listed(folder)
    assert now.equals(table) or now["status"].tolist() == ["damaged"], now
    return now.equals(table)
