"""`fa-run paper`: all runs that the report judges, part by part, with the time that each takes."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from omegaconf import DictConfig
from rich.table import Table

from fa_cli import tally, terminal
from fa_cli.backend import usable_cores
from fa_cli.claims.report import read_claims
from fa_cli.data.by_hand import is_lacking
from fa_cli.data.fetch import data_folder, having_files
from fa_cli.errors import Stopped, UserError, complain, suggest
from fa_cli.folders import folder_of
from fa_cli.naming import override, run_name
from fa_cli.options import listed, true_or_false
from fa_cli.results.reading import finished
from fa_cli.schema import FOLDER
from fa_cli.terminal import in_words

COSTS = Path(__file__).parent / "claims" / "costs.yaml"
SIZE, SHOWN = 1500, 100  # of the product of matrices that tells how fast this machine is


class Part(NamedTuple):
    """Runs that one command makes."""

    name: str  # fig3, note5_dropout
    words: list[str]  # of the command
    runs: list[str]  # that the report wants of it
    datasets: set[str]

    def unfinished(self, outputs: Path) -> list[str]:
        """Its runs that have no results in a folder."""
        return [run for run in self.runs if not finished(outputs / run)]


def train_paper(cfg: DictConfig) -> None:
    """Train all parts that are not finished and whose data are there; with `list`, only tell.

    Raises UserError for an unknown part, and in the end where some could not be made.
    """
    outputs, data_dir = folder_of("outputs", cfg.outputs), data_folder(cfg.data_dir)
    images, only_list = (true_or_false(key, cfg[key]) for key in ("images", "list"))
    wanted = chosen(parts_of(read_claims()), listed(cfg.parts), images)
    left = [part for part in wanted if part.unfinished(outputs)]
    lacks = {part.name: lacking(part, data_dir) for part in left}
    able = [part for part in left if not lacks[part.name]]
    costs = {part.name: cost(part, outputs) for part in able}
    terminal.tables.print(overview(wanted, lacks, costs))
    if costs:
        unknown = sum(np.isnan([*costs.values()]))
        more = f", without the {unknown} not measured yet" if unknown else ""
        terminal.out.print(f"together about {in_words(np.nansum([*costs.values()]))}{more}")
    if only_list:
        return
    failed = []
    for number, part in enumerate(able, start=1):
        rest = in_words(np.nansum([costs[later.name] for later in able[number - 1 :]]))
        terminal.out.print(f"part {number} of {len(able)}: {part.name}; about {rest} to go")
        places = override("outputs", outputs), override("data_dir", data_dir)
        if carry_out([sys.executable, "-m", "fa_cli", *part.words, *places]) not in (0, tally.LEFT):
            failed.append(part.name)
    for name, lack in lacks.items():
        if lack:
            complain(f"{name} was left out: {lack}")
    if failed:
        raise UserError(f"{len(failed)} of {len(able)} parts failed: {', '.join(failed)}")


def carry_out(words: Sequence[str]) -> int:
    """The status of a command.

    A signal that stops this process is handed on: raises Stopped once the command has ended, after
    its checkpoint, and where a signal has stopped the command alone. `subprocess.run` would kill it
    a quarter of a second after Ctrl-C.
    """
    own = {"HYDRA_FULL_ERROR": os.environ.get(tally.WHERE, "")}  # as the person has it, not we
    process, heard = subprocess.Popen(words, env=os.environ | own), []

    def hand_on(number: int, frame: Any) -> None:
        heard.append(number)
        process.send_signal(number)

    with terminal.listening(hand_on):
        status = process.wait()
    if heard or status > 128:
        number = heard[0] if heard else status - 128
        raise Stopped("stopped; the same command goes on from there", number)
    return status


def parts_of(claims: Sequence[Mapping]) -> list[Part]:
    """The commands of all claims, in their order, with the runs that each is to make."""
    found: dict[str, Part] = {}
    for claim in claims:
        for command in claim["command"].split("; "):
            program, *words = command.split()
            if program != "fa-run":
                continue
            name, made = " ".join(word.split("=", 1)[1] for word in words), runs_of(*words)
            part = found.setdefault(command, Part(name, words, [], set()))
            wanted = [run for run in claim["runs"].values() if run in made]
            part.runs.extend(run for run in wanted if run not in part.runs)
            part.datasets.update(chosen_of(run.split("/")[0], "dataset") for run in made)
    return [part for part in found.values() if part.runs]


@cache
def yaml_of(group: str, name: str) -> dict:
    """A YAML file of conf/."""
    return yaml.safe_load((FOLDER / group / f"{name}.yaml").read_text()) or {}


@cache
def runs_of(*words: str) -> set[str]:
    """What `+sweep=NAME` or `experiment=NAME`, and what follows it, trains: experiment/run."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    kind, name = words[0].lstrip("+").split("=")
    sweep = yaml_of("sweep", name) if kind == "sweep" else {}
    params = sweep["hydra"]["sweeper"]["params"] if sweep else {}
    said = [*(f"{key}={value}" for key, value in params.items()), *words]
    choices = []
    for one in OverridesParser.create().parse_overrides(said):
        several = one.is_sweep_override()
        values = one.sweep_string_iterator() if several else [one.get_value_element_as_str()]
        choices.append([f"{one.get_key_element()}={value}" for value in values])
    made = set()
    for typed in product(*choices):
        given = dict(word.split("=", 1) for word in typed)
        experiment = given.get("experiment") or overridden(sweep, "experiment")
        assert experiment is not None  # what else would a sweep train
        rule = given.get("rule") or chosen_of(experiment, "rule")
        made.add(f"{experiment}/{run_name(rule, typed)}")
    return made


def overridden(config: Mapping, group: str) -> str | None:
    """What a YAML file's defaults choose of a group, if they choose."""
    for entry in config.get("defaults", []):
        if isinstance(entry, dict) and f"override /{group}" in entry:
            return entry[f"override /{group}"]
    return None


def chosen_of(experiment: str, group: str) -> str:
    """What an experiment chooses of a group, or what it builds on does, or fa-run for all."""
    config = yaml_of("experiment", experiment)
    choice = overridden(config, group)
    for parent in config.get("defaults", []):
        if choice is None and isinstance(parent, str) and parent != "_self_":
            choice = chosen_of(parent, group)
    return choice or next(
        entry[group] for entry in yaml_of(".", "config")["defaults"] if group in entry
    )


def chosen(parts: Sequence[Part], names: Sequence[str], images: bool) -> list[Part]:
    """Those that are named, or all; without `images` those that need no files.

    Raises UserError for a name that is none.
    """
    known = {part.name: part for part in parts}
    for name in names:
        if name not in known:
            raise UserError(f"no part is called {name!r}: {suggest(str(name), known)}")
    named, of_files = [known[name] for name in names or known], {*having_files()}
    return [part for part in named if images or not part.datasets & of_files]


def lacking(part: Part, data_dir: str) -> str:
    """What a part lacks that no download brings; empty where it can be made."""
    for name in sorted(part.datasets):
        if is_lacking(name, data_dir):
            return f"no {name} in {data_dir}"
    return ""


# ---- how long it takes ---------------------------------------------------------------------------


def cost(part: Part, outputs: Path) -> float:
    """Seconds that the unfinished runs of a part take here on up to two cores, about."""
    known = costs_there()
    there = [known["seconds"].get(run, np.nan) for run in part.unfinished(outputs)]
    return sum(there) * known["speed"] / speed() * 2 / min(2, usable_cores())


@cache
def costs_there() -> dict:
    """What the reference runs took, by run, and how fast a core was."""
    return yaml.safe_load(COSTS.read_text())


@cache
def speed() -> float:
    """Of products of matrices as large networks have them, GFlop/s of a core.

    That of the fastest: others share the machine with what else it does.
    """
    a, b = np.ones((SIZE, SIZE), "f4"), np.ones((SIZE, SHOWN), "f4")
    fastest, begun = np.inf, time.perf_counter()
    while time.perf_counter() - begun < 0.3:
        before = time.perf_counter()
        a @ b
        fastest = min(fastest, time.perf_counter() - before)
    return 2 * SIZE * SIZE * SHOWN / fastest / 1e9


def overview(wanted: Sequence[Part], lacks: Mapping[str, str], costs: Mapping[str, float]) -> Table:
    """What is finished, what takes how long, and what there are no data for.

    `lacks`: what each unfinished part lacks, `costs`: the seconds that those take which lack
    nothing.
    """
    shown = Table(box=None, pad_edge=False)
    for heading in ("part", "runs", "takes here, about"):
        shown.add_column(heading, no_wrap=heading == "part")
    for part in wanted:
        state = lacks.get(part.name, "finished")
        if part.name in costs:
            known = np.isfinite(costs[part.name])
            state = in_words(costs[part.name]) if known else "not measured yet"
        shown.add_row(part.name, str(len(part.runs)), state)
    return shown
