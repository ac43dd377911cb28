"""Criteria that can fail: judged of the paper's rule they are met, of a mutation they are not."""

from functools import cache
from pathlib import Path

import pytest
from helpers import run_here, succeed

from fa_cli.claims.criteria import CRITERIA, load_criteria
from fa_cli.results.reading import Run, load_run

load_criteria()
FIG2 = ("experiment=fig2", "seeds=4")
STILL = "optimizer.learning_rate=0"
MUTATIONS = {  # criterion: (words of each of its runs), the run that is mutated, by which words
    "F2.1": ({"bp": "rule=bp"}, "bp", "rule=shallow"),
    "F2.2": ({"fa": "rule=fa", "bp": "rule=bp"}, "fa", "rule.feedback_scale=0.01"),
    "F2.3": ({"np": "rule=node_perturbation", "bp": "rule=bp"}, "np", "rule=fa"),
    "F2.5": ({"fa": "rule=fa"}, "fa", STILL),
    "F2.6": ({"fa": "rule=fa"}, "fa", "rule=bp"),
}
NAMES = {"F2.2": ("as_good_as", {"level": 0.01})}  # of a criterion that several rows share


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """`trained(words)`: the run of these words, trained once."""

    @cache
    def train(*words: str) -> Run:
        folder = tmp_path_factory.mktemp("run")
        succeed(run_here(folder, *FIG2, *words))
        (done,) = Path(folder).rglob("done")
        return load_run(done.parent)

    return train


@pytest.mark.parametrize("claim", MUTATIONS)
def test_a_mutation_fails(claim, trained):
    """Another rule, no learning, B too small: what the row says does not hold of it."""
    words, mutated, mutation = MUTATIONS[claim]
    criterion, parameters = NAMES.get(claim, (claim, {}))
    runs = {name: trained(word) for name, word in words.items()}
    assert CRITERIA[criterion](runs, **parameters).met
    other = [mutation] if mutation.startswith("rule=") else [words[mutated], mutation]
    runs[mutated] = trained(*other)
    assert not CRITERIA[criterion](runs, **parameters).met


def test_no_learning_pushes_no_way(tmp_path):
    """F3.14, on small digits: e^T W B e > 0 for nearly all after learning, for half without it."""
    words = ["experiment=fig3_mnist", "dataset=digits", "model.sizes=[64,100,10]", "seeds=20"]
    words += ["record.early=0", "record.receptive_fields=0", "optimizer.learning_rate=0.1"]
    judged = {}
    for name, more in {"learned": [], "still": [STILL]}.items():
        succeed(run_here(tmp_path, *words, *more, f"outputs={name}", "epochs=1"))
        (done,) = (tmp_path / name).rglob("done")
        judged[name] = CRITERIA["F3.14"]({"fa": load_run(done.parent)}).met
    assert judged == {"learned": True, "still": False}
