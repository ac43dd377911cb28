"""Claims F2.1-F2.6 of the paper's Fig. 2, from the CSVs of the real sweep, and its figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import run_command, succeed
from scipy import stats

from fa_cli.claims.report import judge_claim, read_claims
from fa_cli.figures.fig2 import fig2

LABELS = {  # of the paper's legend
    "bp": "Backprop",
    "fa": "Feedback alignment",
    "node_perturbation": "Reinforcement",
    "shallow": "Shallow",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Results of `fa-run +sweep=fig2`, n = 20."""
    folder = tmp_path_factory.mktemp("fig2")
    succeed(run_command(folder, "+sweep=fig2"))
    return folder


def table(folder: Path, rule: str, column: str = "nse") -> pd.DataFrame:
    """A column of metrics.csv, a row for each step and a column for each seed."""
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
    """Steps to NSE < 0.01: the upper 95 % bound of the difference is below 10 % of backprop's."""
    fa, bp = (steps_to(table(folder, rule), 0.01) for rule in ("fa", "bp"))
    bound = stats.ttest_ind(fa, bp, equal_var=False).confidence_interval(0.9).high
    assert bound < 0.1 * bp.mean()
    assert table(folder, "fa").iloc[-1].max() < 1e-3


def test_f2_3_node_perturbation_learns_but_slowly(folder):
    """Final NSE < 0.2, over 1000 times backprop's; at least twice its steps to NSE 0.1."""
    slow, bp = table(folder, "node_perturbation"), table(folder, "bp")
    assert 1000 * bp.iloc[-1].mean() < slow.iloc[-1].mean() < 0.2
    assert np.median(steps_to(slow, 0.1)) >= 2 * steps_to(bp, 0.1).mean()


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


def test_the_report_says_so(folder):
    """All are reproduced but F2.4, whose rate is shallow learning's own; F2.7 has other runs."""
    claims = [claim for claim in read_claims() if claim["id"].startswith("F2.")]
    words = {claim["id"]: judge_claim(claim, folder / "outputs").word for claim in claims}
    expected = {f"F2.{k}": "reproduced" for k in range(1, 7)}
    assert words == expected | {"F2.4": "not reproduced", "F2.7": "not run"}


def test_figure_2_shows_the_metrics(folder):
    """a: the geometric mean over seeds of each rule's NSE; b: the angle, smoothed over 10 steps."""
    left, right = fig2(folder / "outputs").axes
    assert [line.get_label() for line in left.lines] == list(LABELS.values())
    for rule, line in zip(LABELS, left.lines, strict=True):
        nse = table(folder, rule)
        np.testing.assert_array_equal(line.get_xdata(), nse.index)
        np.testing.assert_allclose(line.get_ydata(), stats.gmean(nse, axis=1))
    angle = table(folder, "fa", "angle_to_bp_1").mean(axis=1).rolling(10).mean().dropna()
    drawn = right.lines[0]
    np.testing.assert_array_equal(drawn.get_xdata(), angle.index)
    np.testing.assert_allclose(drawn.get_ydata(), angle)


@pytest.mark.parametrize("format", ["png", "pdf", "svg"])
def test_figure_2_comes_out_the_same(folder, format):
    """`plot` names the file; drawing again gives the same bytes."""
    words = ("plot", "figure=fig2", f"format={format}")
    path = folder / "outputs" / "figures" / f"fig2.{format}"
    assert f"fig2.{format}" in succeed(run_command(folder, *words))
    first = path.read_bytes()
    path.unlink()
    succeed(run_command(folder, *words))
    assert path.read_bytes() == first


def test_plot_draws_what_is_there_and_names_the_rest(folder):
    """Without a name: fig2 is drawn; fig3 is named with the command that makes its results."""
    told = succeed(run_command(folder, "plot"))
    assert "fig2.png" in told and "fa-run +sweep=fig3" in told
