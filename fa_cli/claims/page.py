"""report.html: the report as one file that needs nothing else, from page.html."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fa_cli import __version__

if TYPE_CHECKING:
    from fa_cli.claims.report import Verdict

HERE = Path(__file__).parent


def page(
    verdicts: Sequence["Verdict"],
    rows: Sequence[Mapping[str, Any]],
    title: str,
    counts: Mapping[str, int],
    results: Path,
    place: Path,
) -> str:
    """The page: claims by figure, each with its row of report.csv and the runs behind it.

    Figures are those of the page's own place, else of the results.
    """
    from jinja2 import Environment  # here: a report is rare, and this slow to import

    environment = Environment(autoescape=True, trim_blocks=False)
    environment.filters["slug"] = lambda word: word.replace(" ", "-")
    claims = [of_claim(verdict, row, results) for verdict, row in zip(verdicts, rows, strict=True)]
    manifests = chain.from_iterable(claim["manifests"].values() for claim in claims)
    return environment.from_string((HERE / "page.html").read_text()).render(
        title=title,
        claims=claims,
        counts=counts,
        groups=groups(claims, [place, results]),
        made_by=made_by([*manifests]),
        version=__version__,
    )


def of_claim(verdict: "Verdict", row: Mapping[str, Any], results: Path) -> dict[str, Any]:
    """What the page says of one claim."""
    found = f"{row['measured']} ± {row['spread']}" if row["spread"] else row["measured"]
    here = f"{found} (n = {row['n']})" if found else ""
    facts = {"paper": row["paper"], "here": here, "against": row["against"]}
    facts |= {"effect": row["effect"], "where": row["where"]}
    manifests = {run: manifest(results / run) for run in verdict.claim["runs"].values()}
    origins = [told for run, made in manifests.items() if (told := provenance(run, made))]
    test = "; p = ".join(filter(None, (row["test"], row["p"])))
    own = {"facts": facts, "test": test, "origins": origins, "manifests": manifests}
    return {**row, **own}


def groups(claims: Sequence[Mapping], places: Sequence[Path]) -> list[dict[str, Any]]:
    """The claims by figure, in their order; those without one by where the paper has them."""
    known = yaml.safe_load((HERE / "figures.yaml").read_text())
    found: dict[str, dict] = {}
    for claim in claims:
        figure = claim["figure"]
        where = claim["where"]
        name = figure or re.sub(r"\W+", "-", where)
        title = known[figure]["title"] if figure else where.replace("Note", "Supp. Note")
        group = {"name": name, "title": title, "claims": [], "picture": "", "shows": ""}
        if name not in found and figure:
            group |= {"shows": known[figure]["shows"], "picture": picture(places, figure)}
        found.setdefault(name, group)["claims"].append(claim)
    return list(found.values())


def picture(places: Sequence[Path], figure: str) -> str:
    """A figure's PNG in base64, of the first place that has it; empty where none does."""
    paths = [place / "figures" / f"{figure}.png" for place in places]
    drawn = [path.read_bytes() for path in paths if path.exists()]
    return base64.b64encode(drawn[0]).decode() if drawn else ""


def manifest(folder: Path) -> dict:
    """What a run's manifest says; nothing where there is none, or a damaged one."""
    try:
        said = json.loads((folder / "manifest.json").read_text())
        return said if isinstance(said, dict) else {}
    except (OSError, ValueError):
        return {}


def provenance(run: str, made: Mapping) -> str:
    """Where a run's results came from: folder, commit, NumPy, device, time."""
    if not made:
        return ""
    commit = (made.get("commit") or "no commit")[:10]
    by = f"NumPy {numpy_of(made)}, {made.get('cpu') or made.get('device')}"
    return f"{run}: commit {commit}, {by}, {made.get('seconds')} s"


def numpy_of(made: Mapping) -> str:
    """The version of NumPy that made a run."""
    return str((made.get("versions") or {}).get("numpy"))


def made_by(manifests: Sequence[Mapping]) -> dict[str, Any]:
    """The machines and versions behind all runs, and the day of the newest."""
    there = [made for made in manifests if made]
    machines = {f"{made.get('cpu') or made.get('device')}" for made in there}
    days = [made["finished"][:10] for made in there if made.get("finished")]
    newest = max(days, default="")
    return {
        "machines": sorted(machines),
        "numpy": sorted(set(map(numpy_of, there))),
        "newest": newest,
    }
