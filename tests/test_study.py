"""`fa-run plot figure=study`: a search by Optuna, its history and what mattered."""

import numpy as np
import pytest

from fa_cli.figures import FIGURES, Missing, study

optuna = pytest.importorskip("optuna")
pytestmark = [pytest.mark.quick, pytest.mark.filterwarnings("ignore:.*is experimental")]


def searched(folder, trials: int):
    """A study in which `beta` decides, best at 1, and `eta` does nothing; one trial diverged."""
    storage = f"sqlite:///{folder}/search.db"
    found = optuna.create_study(study_name="search", storage=storage)
    rng = np.random.default_rng(1)
    space = {name: optuna.distributions.LogUniformDistribution(0.1, 10) for name in ("beta", "eta")}
    for _ in range(trials):
        beta, eta = 10 ** rng.uniform(-1, 1, 2)
        values = np.log10(beta) ** 2 + 1
        found.add_trial(
            optuna.trial.create_trial(
                value=values, params={"beta": beta, "eta": eta}, distributions=space
            )
        )
    diverged = {"beta": 5.0, "eta": 5.0}
    found.add_trial(
        optuna.trial.create_trial(value=float("inf"), params=diverged, distributions=space)
    )
    return found


def test_what_mattered(tmp_path):
    """A parameter with a best value in the middle explains the ranks, another one does not."""
    best = searched(tmp_path, 40).best_trial
    left, beta, eta = FIGURES["study"](tmp_path).axes
    dots, so_far, star = left.lines
    assert len(dots.get_xdata()) == 40 and star.get_ydata()[0] == best.value
    assert (np.diff(so_far.get_ydata()) <= 0).all()
    assert (beta.get_xlabel(), beta.get_xscale()) == ("beta", "log")
    shares = [float(axes.get_title().split()[1].rstrip("%")) for axes in (beta, eta)]
    assert shares[0] > 80 and shares[1] < 30


def test_few_trials(tmp_path):
    """Nothing is said of what mattered."""
    searched(tmp_path, 3)
    assert [axes.get_title() for axes in FIGURES["study"](tmp_path).axes] == ["history", "", ""]


def test_no_study(tmp_path):
    """What to type; the same where no trial came to its end."""
    with pytest.raises(Missing, match=r"no study .* type `fa-run \+sweep=tune_fa outputs="):
        FIGURES["study"](tmp_path)
    searched(tmp_path, 0)
    with pytest.raises(Missing):
        FIGURES["study"](tmp_path)


def test_explained():
    """All of a parabola, nothing of noise but what chance gives."""
    x = np.linspace(-1, 1, 101)
    assert study.explained(x, x) == pytest.approx(1)
    assert study.explained(x, np.random.default_rng(0).standard_normal(101)) < 0.1
