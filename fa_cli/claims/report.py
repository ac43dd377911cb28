"""`fa-run report`: every claim of the paper, judged from the results on disk.

It measures; it does not pass or fail.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from omegaconf import DictConfig
from rich.table import Table
from rich.text import Text

from fa_cli import terminal
from fa_cli.claims.criteria import CRITERIA, Judgement, Runs, load_criteria
from fa_cli.claims.page import page
from fa_cli.errors import UserError, suggest
from fa_cli.folders import into, place_of, results_in
from fa_cli.options import listed
from fa_cli.results.files import write_text
from fa_cli.results.reading import finished, load_run

OF_CLAIM = ("id", "where", "claim", "paper")
OF_JUDGEMENT = ("measured", "spread", "against", "effect", "n", "test", "p", "verdict")
OF_ORIGIN = ("figure", "command", "runs", "note")
COLUMNS = (*OF_CLAIM, *OF_JUDGEMENT, *OF_ORIGIN)
COLOURS = {
    "reproduced": "green",
    "close": "yellow",
    "not reproduced": "red",
    "not run": "bright_black",
}


class Verdict(NamedTuple):
    """A claim and what became of it."""

    claim: Mapping  # its row of claims.yaml
    word: str  # one of COLOURS
    judgement: Judgement | None
    n: int  # networks of the run that has the fewest
    note: str


def write_report(cfg: DictConfig) -> None:
    """Judge all claims and write report.csv, .md and .html; with `claim=ID` tell all of that one.

    Raises UserError where there is no such folder of results, or no such claim.
    """
    load_criteria()
    results, claims = results_in(cfg.results), read_claims()
    if wanted := listed(cfg.claim):
        for claim in chain.from_iterable(find_claims(name, claims) for name in wanted):
            tell_claim(judge_claim(claim, results))
        return
    place = place_of(cfg)
    verdicts = [judge_claim(claim, results) for claim in claims]
    table = pd.DataFrame(map(as_row, verdicts), columns=COLUMNS)
    write_text(place / "report.csv", table.to_csv(index=False))
    write_text(place / "report.md", markdown(verdicts, table))
    rows = table.to_dict("records")
    write_text(place / "report.html", page(verdicts, rows, TITLE, tally(verdicts), results, place))
    terminal.tables.print(on_terminal(table))
    files = [f"{place / 'report'}.{suffix}" for suffix in ("html", "md", "csv")]
    terminal.out.print(f"{counts(verdicts)}\n{'  '.join(files)}")


def read_claims() -> list[dict]:
    """The rows of claims.yaml."""
    return yaml.safe_load((Path(__file__).parent / "claims.yaml").read_text())


def find_claims(name: str, claims: Sequence[dict]) -> list[dict]:
    """The claim of this id, or all of a figure, F2; raises UserError where there is none."""
    wanted = name.lower()
    ids = [(claim, claim["id"].lower()) for claim in claims]
    found = [claim for claim, id_ in ids if wanted in (id_, id_.split(".")[0])]
    if not found:
        known = {claim["id"] for claim in claims}
        raise UserError(f"no claim is called {name!r}: {suggest(name, known)}")
    return found


def judge_claim(claim: Mapping, results: Path) -> Verdict:
    """Judge one claim from the runs in a folder.

    One whose runs are missing, damaged or too few is `not run`, with the reason in its note.
    """
    command, note = into(claim["command"], results), claim.get("note", "")
    missing = [run for run in claim["runs"].values() if not finished(results / run)]
    if missing:
        told = f"no finished result in {', '.join(missing)}"
        return Verdict(claim, "not run", None, 0, f"{told}: {command}")
    try:
        runs = {name: load_run(results / run) for name, run in claim["runs"].items()}
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a spread that is 0
            judgement = CRITERIA.find(claim["criterion"])(runs, **claim.get("parameters", {}))
    except (UserError, KeyError, IndexError, ValueError, OSError) as error:
        told = f"results cannot be judged ({str(error).strip() or type(error).__name__})"
        return Verdict(claim, "not run", None, 0, f"{told}: {command}")
    n = min(run.metrics["seed"].nunique() for run in runs.values())
    if n < claim["n"]:
        so_far = "would meet" if judgement.met else "does not meet"
        told = f"n = {n} of {claim['n']}; {so_far} the criterion so far"
        told = f"{'; '.join(filter(None, [told, note]))}: {command}"
        return Verdict(claim, "not run", judgement, n, told)
    word = "close" if judgement.close else "not reproduced"
    told = "; ".join(filter(None, [*diverged(runs), judgement.note, note]))
    return Verdict(claim, "reproduced" if judgement.met else word, judgement, n, told)


def diverged(runs: Runs) -> list[str]:
    """How many seeds of each run did not come to its end, where some did not."""
    lost = []
    for name, run in runs.items():
        last = run.metrics.groupby("seed")["step"].max()
        if count := (last < last.max()).sum():
            lost.append(f"{count} of {last.size} seeds of {name} diverged")
    return lost


def as_row(verdict: Verdict) -> dict:
    """A verdict as a row of report.csv, by COLUMNS."""
    row: dict[str, str | int] = dict.fromkeys(COLUMNS, "")
    row |= {key: verdict.claim[key] for key in OF_CLAIM}
    row |= measured(verdict.judgement) if verdict.judgement else {}
    row |= {"verdict": verdict.word, "note": verdict.note}
    row |= {"figure": verdict.claim.get("figure", ""), "command": verdict.claim["command"]}
    return row | {"runs": " ".join(verdict.claim["runs"].values())}


def measured(judgement: Judgement) -> dict[str, str | int]:
    """The cells of a row that tell what was measured: mean and s.d. of the first numbers, test.

    And what they are compared with, if anything: another run's, or the same one's before. n is how
    many independent networks are behind the mean.
    """
    first = next(iter(judgement.numbers.values()))
    apart = judgement.n is None  # a value for each network
    mean, spread = mean_and_spread(first, apart)
    other = np.array([]) if judgement.against is None else judgement.numbers[judgement.against]
    against = " ± ".join(filter(None, mean_and_spread(other, apart))) if len(other) else ""
    return {
        "measured": mean,
        "spread": spread,
        "n": judgement.n or len(first),
        "against": f"{judgement.against}: {against}" if against else "",
        "effect": judgement.effect,
        "test": judgement.test,
        "p": "" if judgement.p is None else f"{judgement.p:.2g}",
    }


def mean_and_spread(values: np.ndarray, apart: bool) -> tuple[str, str]:
    """Mean and s.d. as text; the latter over networks, empty where no value is of one `apart`."""
    values = values.astype(float)
    has_spread = apart and values.size > 1 and np.isfinite(values).all()
    mean = f"{values.mean():.4g}" if values.size else ""
    return mean, f"{values.std(ddof=1):.2g}" if has_spread else ""


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many claims have which verdict."""
    found = Counter(verdict.word for verdict in verdicts)
    return {word: found[word] for word in COLOURS}


def counts(verdicts: Sequence[Verdict]) -> str:
    """The same in words."""
    return ", ".join(f"{count} {word}" for word, count in tally(verdicts).items())


# ---- on the terminal ----------------------------------------------------------------------------


def on_terminal(table: pd.DataFrame) -> Table:
    """The report as a table with coloured verdicts: below each claim, measured and printed."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("id", "claim", "n", "verdict"):
        shown.add_column(heading, no_wrap=heading != "claim")
    for row in table.itertuples():
        found = f"{row.measured} ± {row.spread}" if row.spread else row.measured
        paper = "" if row.paper == "-" else f"(paper: {row.paper})"
        numbers = " ".join(filter(None, [found, paper]))
        told = f"{row.claim}\n  {numbers}" if numbers else row.claim
        shown.add_row(row.id, told, str(row.n), Text(row.verdict, style=COLOURS[row.verdict]))
    return shown


def tell_claim(verdict: Verdict) -> None:
    """One claim in full: every seed's numbers, the test, and the command that makes its runs."""
    claim, judgement, say = verdict.claim, verdict.judgement, terminal.out.print
    say(f"{claim['id']}  {claim['claim']}  ({claim['where']}; paper: {claim['paper']})")
    say(f"verdict: {verdict.word}")
    if judgement:
        p = "" if judgement.p is None else f"; p = {judgement.p:.3g}"
        say(f"criterion: {judgement.test}{p}")
        for name, values in judgement.numbers.items():
            listed = " ".join(f"{value:.4g}" for value in values[:100])
            more = " ..." if len(values) > 100 else ""
            say(f"{name}: mean {values.mean():.4g}, n = {len(values)}: {listed}{more}")
    say(f"runs: {', '.join(claim['runs'].values())}")
    say(f"command: {claim['command']}")
    if verdict.note:
        say(f"note: {verdict.note}")


# ---- as files -----------------------------------------------------------------------------------

TITLE = "What of the paper was reproduced"


def markdown(verdicts: Sequence[Verdict], table: pd.DataFrame) -> str:
    """The report as a Markdown table."""
    lines = [f"# {TITLE}", "", f"{counts(verdicts)}.", ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    at = COLUMNS.index("figure")
    for row in table.itertuples(index=False):
        cells = [str(value).replace("|", "\\|") for value in row]
        cells[at] = f"[{row.figure}](figures/{row.figure}.png)" if row.figure else ""
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
