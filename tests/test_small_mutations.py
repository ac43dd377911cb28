"""Claims that can fail: tiny runs that meet a criterion, and the same with something taken away."""

from pathlib import Path

import numpy as np
import pytest
from helpers import DATA, needs_mnist, run_here, succeed

from fa_cli.claims.criteria import CRITERIA, load_criteria
from fa_cli.data.fetch import idx_array, read_verified
from fa_cli.data.mnist import MNIST
from fa_cli.results.reading import Run, load_run

load_criteria()

SMALL = ["model.sizes=[10,300,10]", "seeds=2", "record.every=50", "record.examples=200"]
SMALL += ["record.metrics=[nse,angle_w_b_unit]", "optimizer.learning_rate=0.001"]
LARGE = ["experiment=figS7_large", "seeds=5"]
PAPER = Path(__file__).parents[1] / "outputs" / "paper" / "fig3_mnist"
IMAGES = "train-images-idx3-ubyte"
FIXED, SMALL_B = "phases=[{freeze:[1],steps:1000}]", "rule.feedback_scale=0.1"


@pytest.fixture
def trained(tmp_path):
    """`trained(words)` trains by the command; the run."""

    def train(*words: str) -> Run:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        succeed(run_here(folder, *words))
        (done,) = folder.rglob("done")
        return load_run(done.parent)

    return train


def met(criterion: str, **runs: Run) -> bool:
    """Whether they meet it."""
    return bool(CRITERIA[criterion](runs).met)


def test_f5_2(trained):
    """While W_0 alone learns, B is useless and W^T is not; nor is all useless where none learns."""
    small = ["experiment=fig5_phases", *SMALL]
    phases = "phases=[{freeze:[1],steps:600},{freeze:[0],steps:10}]"
    fa, bp = trained(*small, phases), trained(*small, "rule=bp", phases)
    none = trained(*small, phases.replace("[1]", "[0,1]"))
    assert met("F5.2", fa=fa, bp=bp)
    assert not met("F5.2", fa=bp, bp=bp) and not met("F5.2", fa=none, bp=none)


def test_s7_3(trained):
    """W comes to correlate with B: not where W is fixed, nor would any W do."""
    fa, bp, fixed = (trained(*LARGE, *words) for words in ([], ["rule=bp"], [FIXED]))
    assert met("S7.3", fa=fa, bp=bp)
    assert not met("S7.3", fa=fixed, bp=bp) and not met("S7.3", fa=fa, bp=fa)


def test_s7_4(trained):
    """Feedback alignment is quicker than backprop: not with a small B."""
    fa, bp, small = (trained(*LARGE, *words) for words in ([], ["rule=bp"], [SMALL_B]))
    runs = {"fa": fa, "bp": bp, "fa, 25": fa, "bp, 25": bp}
    assert met("S7.4", **runs) and not met("S7.4", **runs | {"fa": small})


def test_s9_1(trained):
    """Hidden units turn towards B: not where W_0 is fixed, nor with too small a B."""
    small = ["experiment=fig5", *SMALL, "model.weight_scale=0.1", "steps=1500"]
    assert met("S9.1", fa=trained(*small, "rule.feedback_scale=1"))
    fixed = trained(*small, "phases=[{freeze:[0],steps:1500}]", "rule.feedback_scale=1")
    assert not met("S9.1", fa=fixed)
    assert not met("S9.1", fa=trained(*small, "rule.feedback_scale=0.001"))


@needs_mnist
@pytest.mark.parametrize("count", [100, 1000, 10000])
def test_s5_1b(count):
    """Fig. 3's rules leave fields alike; random signals, which add random images to W_0, do not.

    They are as smooth as those, to S5.1's limit.
    """
    pixels = idx_array(read_verified(MNIST, IMAGES, str(DATA)), IMAGES)[:count]
    images = (pixels - pixels.mean()) / pixels.std()
    change = np.random.default_rng(0).standard_normal((5, 100, count)) @ images
    fa, bp = (load_run(PAPER / f"rule={rule}") for rule in ("fa", "bp"))
    before = fa.arrays["receptive_fields_before"]
    fields = {"receptive_fields_before": before, "receptive_fields_after": before + change}
    random = fa._replace(arrays=fields)
    assert met("S5.1", fa=fa, bp=bp) and met("S5.1b", fa=fa, bp=bp)
    assert met("S5.1", fa=random, bp=bp) and not met("S5.1b", fa=random, bp=bp)
