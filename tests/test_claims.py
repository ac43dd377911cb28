"""Claims F2.1-F2.6 of the paper's Fig. 2, computed from the CSV of the real sweep, and the figures drawn from it."""

import numpy as np
import pandas as pd
import pytest
from conftest import run_command
from scipy import stats


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of `fa-run +sweep=fig2`, n = 20."""
    folder = tmp_path_factory.mktemp("fig2")
    done = run_command(folder, "+sweep=fig2")
    assert done.returncode == 0, done.stderr
    return folder


def table(folder, rule, column="nse") -> pd.DataFrame:
    metrics = pd.read_csv(folder / "outputs" / "fig2" / f"rule={rule}" / "metrics.csv")
    return metrics.pivot(index="step", columns="seed", values=column)


def steps_to(nse: pd.DataFrame, level: float) -> np.ndarray:
    """First step at which each seed is below `level`; infinity where it never is."""
    below = nse < level
    return np.where(below.any(), below.idxmax(), np.inf)


def test_f2_1_backprop_drives_the_loss_to_zero(folder):
    """Final NSE < 1e-3 in all of 20 seeds."""
    final = table(folder, "bp").iloc[-1]
    assert len(final) == 20 and (final < 1e-3).all()


def test_f2_2_feedback_alignment_does_the_same_just_as_quickly(folder):
    """Steps to NSE < 0.01: the upper 95 % bound of the mean difference is below 10 % of backprop's."""
    fa, bp = (steps_to(table(folder, rule), 0.01) for rule in ("fa", "bp"))
    bound = stats.ttest_ind(fa, bp, equal_var=False).confidence_interval(0.9).high
    assert bound < 0.1 * bp.mean()
    assert table(folder, "fa").iloc[-1].max() < 1e-3


def test_f2_3_node_perturbation_learns_but_slowly(folder):
    """Final NSE < 0.2, yet more than 1000 times backprop's; at least twice its steps to NSE 0.1."""
    final, bp = (
        table(folder, "node_perturbation").iloc[-1].mean(),
        table(folder, "bp").iloc[-1].mean(),
    )
    assert 1000 * bp < final < 0.2
    reached = steps_to(table(folder, "node_perturbation"), 0.1)
    assert np.median(reached) >= 2 * steps_to(table(folder, "bp"), 0.1).mean()


def test_f2_4_shallow_learning_hardly_helps(folder):
    """Final NSE > 0.2 and > 100 times backprop's."""
    final = table(folder, "shallow").iloc[-1]
    assert final.min() > 0.2 and final.mean() > 100 * table(folder, "bp").iloc[-1].mean()


def test_f2_5_the_angle_starts_near_90_and_shrinks(folder):
    """Mean of the first 10 examples in 80..100 degrees, of the last 100 below 60."""
    angle = table(folder, "fa", "angle_to_bp_1").mean(axis=1)
    assert 80 < angle.iloc[:10].mean() < 100
    assert angle.iloc[-100:].mean() < 60


def test_f2_6_the_angle_never_reaches_zero(folder):
    """Final mean > 5 degrees, and in every seed above 0."""
    final = table(folder, "fa", "angle_to_bp_1").iloc[-1]
    assert final.mean() > 5 and final.min() > 0


@pytest.mark.parametrize("format", ["png", "pdf", "svg"])
def test_figure_2_is_drawn_and_comes_out_the_same(folder, format):
    """`plot` names the file; drawing again gives the same bytes."""
    words = ("plot", "figure=fig2", f"format={format}")
    assert run_command(folder, *words).returncode == 0
    path = folder / "outputs" / "figures" / f"fig2.{format}"
    first = path.read_bytes()
    assert len(first) > 5000
    assert run_command(folder, *words).returncode == 0
    assert path.read_bytes() == first


def test_plot_draws_what_is_there_and_names_the_rest(folder):
    """Without a name: fig2 is drawn; fig3 is named with the command that makes its results."""
    done = run_command(folder, "plot")
    assert done.returncode == 0 and "fig2.png" in done.stdout
    assert "fa-run +sweep=fig3" in done.stdout
