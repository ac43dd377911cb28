"""The criteria that several claims share: a level, an order, as good as."""

import numpy as np
import scipy

from fa_cli.claims.criteria import Judgement, Runs, criterion
from fa_cli.claims.measures import final, log_interval, p_smaller, steps_to, welch_interval


@criterion("value")
def value(
    runs: Runs, at: float, column: str = "test_error", points: float | None = 0.3
) -> Judgement:
    """The mean is at most `at` plus `points`, or plus 15 % where points is null.

    One that is lower than the paper's by more than that is noted: another task, perhaps, or the
    paper's network was not tuned as well.
    """
    (run,) = runs.values()
    values = final(run, column)
    margin = 0.15 * at if points is None else points
    mean, limit = values.mean(), at + margin
    note = f"better than the paper's by {at - mean:.3g}" if mean < at - margin else ""
    test = f"mean at most {limit:.3g}"
    met, close = mean <= limit, mean <= 1.5 * at
    return Judgement({column: values}, met, close, test, effect=f"{mean - at:+.2g}", note=note)


def compared(runs: Runs, column: str, level: float | None) -> dict[str, np.ndarray]:
    """What is compared: the final values of each run or, where a `level` is given, steps to it.

    Of the run that the first is compared with, seeds that never come to the level count with its
    last step, which favours it.
    """
    if level is None:
        return {name: final(run, column) for name, run in runs.items()}
    first, *others = runs
    steps = {first: steps_to(runs[first], level, column)}
    for name in others:
        last = runs[name].metrics["step"].max()
        steps[name] = np.minimum(steps_to(runs[name], level, column), last)
    return steps


@criterion("order")
def order(runs: Runs, column: str = "nse", level: float | None = None) -> Judgement:
    """The first run's numbers are smaller than the second's: one-sided Welch t-test, p < 0.01."""
    numbers = compared(runs, column, level)
    a, b = numbers.values()
    p = p_smaller(a, b)
    test, effect = "one-sided Welch t-test, p < 0.01", welch_interval(a, b)
    return Judgement(numbers, p < 0.01, a.mean() < b.mean(), test, p, [*numbers][1], effect)


@criterion("as_good_as")
def as_good_as(
    runs: Runs, column: str = "nse", points: float | None = None, level: float | None = None
) -> Judgement:
    """The upper 95 % bound of mean(a) - mean(b) is below `points`, or below 10 % of b."""
    numbers = compared(runs, column, level)
    a, b = numbers.values()
    margin = 0.1 * b.mean() if points is None else points
    bound = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9).high
    test = f"Welch: upper 95 % bound of the difference {bound:.3g} below {margin:.3g}"
    met, close = bound < margin, a.mean() < b.mean() + 3 * margin
    return Judgement(numbers, met, close, test, None, [*numbers][1], welch_interval(a, b))


@criterion("alike")
def alike(runs: Runs, points: float, column: str = "test_error") -> Judgement:
    """Two ways end alike: the 90 % interval of the difference of means lies within +- `points`."""
    numbers = {name: final(run, column) for name, run in runs.items()}
    a, b = numbers.values()
    interval = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    worst = max(-interval.low, interval.high)
    test = f"Welch: the difference within +- {points:g} (90 % interval: up to {worst:.3g})"
    near = abs(a.mean() - b.mean()) < 3 * points
    against, effect = [*numbers][1], welch_interval(a, b)
    return Judgement(numbers, worst < points, near, test, None, against, effect)


@criterion("as_good_as_log")
def as_good_as_log(runs: Runs, ratio: float, column: str = "nse") -> Judgement:
    """The upper 95 % bound of the mean of log10(a / b) over seeds is below log10(`ratio`).

    For errors that fall by orders of magnitude; seeds are paired, as both runs learn the same
    targets.
    """
    numbers = {name: final(run, column) for name, run in runs.items()}
    a, b = numbers.values()
    logs = np.log10(a / b)
    bound = scipy.stats.ttest_1samp(logs, 0).confidence_interval(0.9).high
    test = f"upper 95 % bound of the geometric mean ratio {10**bound:.3g} below {ratio:g}"
    near = logs.mean() < 3 * np.log10(ratio)
    against, effect = [*numbers][1], log_interval(logs)
    return Judgement(numbers, bound < np.log10(ratio), near, test, None, against, effect)
