"""`fa-run report`: every claim of the paper, judged from the results on disk. It measures; it does not pass or fail."""

import base64
import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import record, terminal
from fa_cli.errors import UserError, suggest
from fa_cli.files import write_text
from fa_cli.judge import CRITERIA, Judgement

COLUMNS = [
    "id",
    "where",
    "claim",
    "paper",
    "measured",
    "spread",
    "n",
    "test",
    "p",
    "verdict",
    "runs",
    "note",
]
COLOURS = {
    "reproduced": "green",
    "close": "yellow",
    "not reproduced": "red",
    "not run": "bright_black",
}


class Verdict(NamedTuple):
    """One row of the report."""

    claim: Mapping  # the row of claims.yaml
    verdict: str
    judgement: Judgement | None
    n: int
    note: str


def claims() -> list[dict]:
    """The rows of claims.yaml."""
    return yaml.safe_load((Path(__file__).parent / "claims.yaml").read_text())


def judge(claim: Mapping, results: Path) -> Verdict:
    """Judge one claim; one whose runs are missing, damaged or too few is `not run`, with the reason in its note."""
    missing = [run for run in claim["runs"].values() if not record.finished(results / run)]
    if missing:
        return Verdict(
            claim,
            "not run",
            None,
            0,
            f"no finished result in {', '.join(missing)}: {claim['command']}",
        )
    try:
        runs = {name: record.load(results / run) for name, run in claim["runs"].items()}
        n = min(run.metrics["seed"].nunique() for run in runs.values())
        with np.errstate(all="ignore"):
            judgement = CRITERIA.find(claim["criterion"])(runs, **claim.get("parameters", {}))
    except (UserError, KeyError, IndexError, ValueError, OSError) as error:
        return Verdict(
            claim,
            "not run",
            None,
            0,
            f"results cannot be judged ({str(error).strip() or type(error).__name__}): {claim['command']}",
        )
    note = claim.get("note", "")
    if n < claim["n"]:
        few = f"n = {n} of {claim['n']}; {'would meet' if judgement.met else 'does not meet'} the criterion so far: {claim['command']}"
        return Verdict(claim, "not run", judgement, n, f"{few}. {note}".rstrip(". "))
    verdict = "reproduced" if judgement.met else "close" if judgement.close else "not reproduced"
    return Verdict(claim, verdict, judgement, n, note)


def row(verdict: Verdict) -> dict:
    """A verdict as a row of report.csv."""
    claim, judgement = verdict.claim, verdict.judgement
    values = next(iter(judgement.numbers.values())).astype(float) if judgement else np.array([])
    return {
        **{key: claim[key] for key in ("id", "where", "claim", "paper")},
        "measured": f"{values.mean():.4g}" if values.size else "",
        "spread": f"{values.std(ddof=1):.2g}"
        if values.size > 1 and np.isfinite(values).all()
        else "",
        "n": verdict.n or "",
        "test": judgement.test if judgement else "",
        "p": f"{judgement.p:.2g}" if judgement and judgement.p is not None else "",
        "verdict": verdict.verdict,
        "runs": " ".join(claim["runs"].values()),
        "note": verdict.note,
    }


def run(cfg: DictConfig) -> None:
    """Judge all claims and write report.csv, .md and .html; with `claim=ID` explain that one."""
    results, rows = Path(cfg.results), claims()
    if not results.is_dir():
        raise UserError(
            f"results={results}: no such folder; type `fa-run +sweep=fig2` to make results, or results=DIR"
        )
    if cfg.claim is not None:
        chosen = {claim["id"]: claim for claim in rows}
        if cfg.claim not in chosen:
            raise UserError(f"no claim is called {cfg.claim!r}: {suggest(str(cfg.claim), chosen)}")
        explain(judge(chosen[cfg.claim], results))
        return
    verdicts = [judge(claim, results) for claim in rows]
    table = pd.DataFrame([row(verdict) for verdict in verdicts], columns=COLUMNS)
    write_text(results / "report.csv", table.to_csv(index=False))
    write_text(results / "report.md", markdown(table))
    write_text(results / "report.html", page(verdicts, results))
    show(table)
    terminal.out.print(
        f"{count(table)}\n{results / 'report.html'}  {results / 'report.md'}  {results / 'report.csv'}"
    )


def count(table: pd.DataFrame) -> str:
    """How many claims have which verdict."""
    counts = table["verdict"].value_counts()
    return ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in COLOURS)


def show(table: pd.DataFrame) -> None:
    """The report on the terminal."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("id", "claim", "paper", "measured", "n", "verdict"):
        shown.add_column(heading, no_wrap=heading != "claim")
    for line in table.itertuples():
        measured = f"{line.measured} ± {line.spread}" if line.spread else str(line.measured)
        colour = COLOURS[line.verdict]
        shown.add_row(
            line.id,
            line.claim,
            line.paper,
            measured,
            str(line.n),
            f"[{colour}]{line.verdict}[/{colour}]",
        )
    terminal.tables.print(shown)


def explain(verdict: Verdict) -> None:
    """One claim in full: every seed's numbers, the test, and the command that makes its runs."""
    claim, judgement, say = verdict.claim, verdict.judgement, terminal.out.print
    say(f"{claim['id']}  {claim['claim']}  ({claim['where']}; paper: {claim['paper']})")
    say(f"verdict: {verdict.verdict}")
    if judgement:
        say(
            f"criterion: {judgement.test}"
            + (f"; p = {judgement.p:.3g}" if judgement.p is not None else "")
        )
        for name, values in judgement.numbers.items():
            listed = " ".join(f"{value:.4g}" for value in values[:100]) + (
                " ..." if len(values) > 100 else ""
            )
            say(f"{name}: mean {values.mean():.4g}, n = {len(values)}: {listed}")
    say(f"runs: {', '.join(claim['runs'].values())}")
    say(f"command: {claim['command']}" + (f"\nnote: {verdict.note}" if verdict.note else ""))


def markdown(table: pd.DataFrame) -> str:
    """The report as a Markdown table."""
    heading = [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    lines = ["# What of the paper was reproduced", "", f"{count(table)}.", "", *heading]
    for values in table.itertuples(index=False):
        lines.append("| " + " | ".join(str(value).replace("|", "\\|") for value in values) + " |")
    return "\n".join(lines) + "\n"


STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .3em .6em; border-bottom: 1px solid #ddd; vertical-align: top }
img { max-width: 100% } .provenance { color: #666; font-size: 12px } code { background: #f3f3f3 }
.reproduced { color: #1a7f37; font-weight: 600 } .close { color: #9a6700; font-weight: 600 }
.not-reproduced { color: #b3261e; font-weight: 600 } .not-run { color: #888 }
"""


def page(verdicts: list[Verdict], results: Path) -> str:
    """The report as one HTML file that needs nothing else: figures beside their claims, provenance on every row."""
    table = pd.DataFrame([row(verdict) for verdict in verdicts], columns=COLUMNS)
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>fa-run report</title><style>{STYLE}</style>"
    ]
    parts.append(f"<h1>What of the paper was reproduced</h1><p>{count(table)}.</p>")
    for figure in dict.fromkeys(verdict.claim.get("figure") for verdict in verdicts):
        group = [verdict for verdict in verdicts if verdict.claim.get("figure") == figure]
        parts.append(
            f"<h2>{html.escape(figure or ', '.join(dict.fromkeys(v.claim['where'] for v in group)))}</h2>"
        )
        picture = results / "figures" / f"{figure}.png"
        if picture.exists():
            parts.append(
                f'<img alt="{figure}" src="data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}">'
            )
        parts.append("<table><tr><th>claim<th>paper<th>measured<th>n<th>verdict</tr>")
        parts += [html_row(verdict, results) for verdict in group]
        parts.append("</table>")
    return "\n".join(parts) + "</html>\n"


def html_row(verdict: Verdict, results: Path) -> str:
    """A claim's row, with its test, note and the runs behind it."""
    cells = {key: html.escape(str(value)) for key, value in row(verdict).items()}
    measured = f"{cells['measured']} ± {cells['spread']}" if cells["spread"] else cells["measured"]
    p = f"; p = {cells['p']}" if cells["p"] else ""
    details = [
        f"{cells['test']}{p}",
        cells["note"],
        *(provenance(results / run) for run in verdict.claim["runs"].values()),
    ]
    below = "<br>".join(filter(None, details))
    kind = verdict.verdict.replace(" ", "-")
    return (
        f"<tr><td><b>{cells['id']}</b> {cells['claim']}<div class=provenance>{below}</div>"
        f"<td>{cells['paper']}<td>{measured}<td>{cells['n']}<td class={kind}>{verdict.verdict}</tr>"
    )


def provenance(folder: Path) -> str:
    """Where a run's results came from: folder, commit, versions, device; empty if there is no manifest."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        return ""
    versions, commit = manifest.get("versions", {}), (manifest.get("commit") or "no commit")[:10]
    what = f"commit {commit}, numpy {versions.get('numpy')}, {manifest.get('device')}, {manifest.get('seconds')} s"
    return html.escape(f"{folder.parent.name}/{folder.name}: {what}")
