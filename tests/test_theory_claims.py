"""The claims of the theory on real, tiny runs: met, and not met by what they exclude."""

from collections.abc import Callable

import pytest
from helpers import run_here, succeed

from fa_cli.claims.criteria import CRITERIA, load_criteria
from fa_cli.results.reading import load_below

load_criteria()
pytestmark = pytest.mark.quick
STEPS = {"": 400, "_half": 800, "_quarter": 1600}  # over the same time
CLAIMS = {  # criterion: (what is run, in this order; what is typed, what it excludes)
    "S10.3": (
        [f"experiment=figS10_paths{name} steps={steps}" for name, steps in STEPS.items()],
        ("seeds=4", "model.hidden=tanh"),
    ),
    "S11.4": (
        ["experiment=figS11_together"],
        ("seeds=4 steps=100", "rule.feedback_scale=0"),
    ),
    "T1.1": (
        [f"experiment=invariant{name} steps={steps}" for name, steps in STEPS.items()],
        ("seeds=2 record.every=400", "rule=kolen_pollack"),
    ),
    "T2.2": (["experiment=theorem2"], ("seeds=4", "model.weight_scale=0.1")),
    "T3.2": (["experiment=gauss_newton"], ("seeds=20", "rule=fa")),
    "T4.2": (
        ["experiment=minimum"],
        ("seeds=2 phases=[{rule:bp,steps:4000},{rule:fa,steps:1}]", "model.sizes=[30,20,10]"),
    ),
}


@pytest.fixture
def judged(tmp_path) -> Callable:
    """`judged(criterion, word)` runs what it needs, with a word more, and judges it."""

    def judge(criterion, *more):
        experiments, (always, _) = CLAIMS[criterion]
        runs = {}
        for k, words in enumerate(experiments):
            succeed(run_here(tmp_path / f"{k}", *words.split(), *always.split(), *more))
            (runs[f"run {k}"],) = load_below(tmp_path / f"{k}").runs
        return CRITERIA[criterion](runs if len(runs) > 1 else {"fa": runs["run 0"]})

    for k in range(3):
        (tmp_path / f"{k}").mkdir()
    return judge


@pytest.mark.parametrize("criterion", CLAIMS)
def test_it_holds(criterion, judged):
    """As the paper has it."""
    judgement = judged(criterion)
    assert judgement.met, judgement


@pytest.mark.parametrize("criterion", CLAIMS)
def test_it_can_fail(criterion, judged):
    """Nonlinear neurons, no feedback, one that learns, W not from 0, a random B, no error left."""
    judgement = judged(criterion, CLAIMS[criterion][1][1])
    assert not judgement.met, judgement
