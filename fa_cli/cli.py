"""The `fa-run` command: a Hydra run, or the subcommand that its first word names."""

import importlib
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig, OmegaConf

from fa_cli import __version__, clusters, errors, hydra_messages, tally, terminal, workers
from fa_cli.errors import UserError, suggest
from fa_cli.folders import as_path
from fa_cli.options import true_or_false
from fa_cli.processes import this_process
from fa_cli.results.files import is_locked
from fa_cli.schema import FOLDER

if TYPE_CHECKING:
    import pandas as pd

CONF = str(FOLDER)
BLAS = "OPENBLAS_NUM_THREADS"  # threads of our own do better; each it starts may be one too many
LAUNCHERS = ("joblib", "ray", "concurrent", "multiprocessing")  # packages that lose a process


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def train(cfg: DictConfig) -> float:
    """Train what the config says; returns what a sweeper minimises.

    Launchers call it in other processes, so it imports what it needs.
    """
    from fa_cli import cli, composing, tally

    composing.register()
    return tally.attempt(cli.train_here, cfg)


def subcommand(name: str, module: str, function: str) -> Callable:
    """A Hydra app with the config `name`, whose work is a function of a module."""

    @hydra.main(version_base="1.3", config_path=CONF, config_name=name)
    def app(cfg: DictConfig) -> None:
        tally.attempt(lambda given: getattr(importlib.import_module(module), function)(given), cfg)

    app.__name__ = name
    return app


WORK = {  # of each subcommand: a module, imported when it is needed, and its function
    "plot": ("fa_cli.figures", "plot"),
    "report": ("fa_cli.claims.report", "write_report"),
    "paper": ("fa_cli.paper", "train_paper"),
    "runs": ("fa_cli.results.listing", "list_runs"),
    "measure": ("fa_cli.measuring", "measure_runs"),
    "export": ("fa_cli.results.export", "export_curves"),
    "data": ("fa_cli.data.fetch", "fetch_data"),
    "keys": ("fa_cli.reference", "tell_keys"),
    "metrics": ("fa_cli.reference", "tell_metrics"),
    "bench": ("fa_cli.bench", "measure_speed"),
}
WORDS = {  # the key whose values a subcommand takes as bare words
    **dict.fromkeys(("data", "keys", "metrics"), "names"),
    "plot": "figure",
    "report": "claim",
}
PRINTING = ("", "runs", "keys", "metrics")  # commands all of whose work may be what they print
NOTHING = "there is nothing to run: a range(start,end,step), glob or choice of these has no value"
SUBCOMMANDS = {name: subcommand(name, *work) for name, work in WORK.items()}


def train_here(cfg: DictConfig) -> float:
    """Train in the folder that Hydra chose, show the summary, and count the run.

    Returns what a sweeper minimises; inf where another process has the run.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from fa_cli import clusters, composing, experiment

    state = HydraConfig.get()
    typed = list(state.overrides.task)
    folder = Path(state.runtime.output_dir)
    tally.add(tally.BEGUN, str(folder), clusters.own_log())
    composing.check_sweep(state, sys.argv)
    fail_fast = true_or_false("fail_fast", cfg.get("fail_fast", False))
    if tally.has(tally.STOPPING) or (fail_fast and tally.has(tally.FAILED)):
        tally.add(tally.LEFT_OUT)
        return float("inf")
    outcome = experiment.run(cfg, folder, typed)
    tally.add(outcome.how)
    if outcome.summary is None:
        where = terminal.shown(outcome.folder)
        terminal.out.print(f"{where}  is being trained by another process: left to it")
        return float("inf")
    terminal.show_summary(outcome.folder, outcome.summary, outcome.seconds)
    if known := tally.left():
        terminal.show_left(*known)
    if state.mode == RunMode.RUN:
        terminal.show_next(typed)
    return minimised(outcome.summary, cfg.seeds)


def minimised(summary: "pd.DataFrame", seeds: int | Sequence[int]) -> float:
    """The final error or loss, mean over seeds; inf where one has diverged, and where none is."""
    final = summary.set_index("metric")
    name, count = terminal.headline(final.index), seeds if isinstance(seeds, int) else len(seeds)
    return float(final["mean"][name]) if name and final["n"][name] == count else float("inf")


def main() -> None:
    """Entry point of `fa-run`.

    Status 0 where all went well, 1 after an error that was told in one line, 75 where all went well
    but another process has some of the runs, 128 + its number after a signal.
    """
    terminal.outlive_readers()
    if sys.argv[1:2] != ["bench"]:  # whose peers take all there are
        os.environ.setdefault(BLAS, "1")  # before NumPy is imported
    traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"  # Hydra's switch: who wants to see where
    os.environ[tally.WHERE] = "1" if traceback else ""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as they are
    os.environ[tally.SINCE] = str(time.time())
    path = tally_file(sys.argv)
    os.environ[tally.TALLY], os.environ[tally.COMMAND] = str(path), str(os.getpid())
    outcomes = []
    try:
        command(sys.argv[1:])
    except KeyboardInterrupt as interrupt:
        errors.complain(str(interrupt) or clusters.left_behind() or "stopped")
        sys.exit(128 + getattr(interrupt, "number", signal.SIGINT))
    except Exception as error:
        if traceback or not a_person_caused(error):
            raise
        errors.complain(in_one_line(error))
        sys.exit(1)
    finally:
        outcomes = tell_outcomes(path)
    left = tally.LEFT if tally.ELSEWHERE in outcomes else 0
    if cut := getattr(sys.stdout, "cut", None):
        errors.complain(f"the end of what was printed is lost ({cut.strerror}): print it again")
    lost = cut and not outcomes and hydra_messages.command in PRINTING
    sys.exit(1 if tally.FAILED in outcomes or lost else left)


def tally_file(words: Sequence[str]) -> Path:
    """An empty file for this command's tally.

    A cluster's nodes share no /tmp but the working folder, if it can be written to.
    """
    shared = clusters.elsewhere(words) and os.access(".", os.W_OK)
    return tally.new_file("." if shared else None)


def tell_outcomes(path: Path) -> list[str]:
    """How this command's runs ended, from their tally; said as well, where there are several."""
    endings = tally.read(path)
    path.unlink(missing_ok=True)
    for begun in tally.lost(endings):
        where, log = terminal.shown(Path(begun.told)), terminal.shown(Path(begun.log))
        what = "still runs" if is_locked(Path(begun.told)) else "was lost with its process"
        errors.complain(f"{where} {what}" + (f", its log is {log}" if begun.log else ""))
    ended = tally.ended(endings)
    for ending in ended:
        if ending.told and ending.process != this_process():
            errors.complain(ending.told)
    outcomes = [ending.outcome for ending in ended]
    if len(outcomes) > 1:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes).items())
        print(f"{len(outcomes)} runs: {counts}")
    return outcomes


def a_person_caused(error: Exception) -> bool:
    """Whether an error is told in one line; any other is a mistake in the code."""
    known = isinstance(error, errors.TOLD)
    told = (clusters.complains, workers.refuses, lost_a_run, hydra_messages.of_hydra)
    return known or any(of(error) for of in told)


def lost_a_run(error: BaseException) -> bool:
    """Whether a launcher says that a process ended without a word, as one that was killed does."""
    return type(error).__module__.split(".")[0] in LAUNCHERS


def in_one_line(error: BaseException) -> BaseException | str:
    """What is told of an error."""
    if clusters.complains(error):
        return clusters.in_one_line(error)
    if workers.refuses(error):
        return f"hydra/launcher=cores cannot begin ({error}): {clusters.another('cores')}"
    if lost_a_run(error):
        return f"a run was lost ({type(error).__name__}): {clusters.AGAIN}"
    return hydra_messages.in_one_line(error) if hydra_messages.of_hydra(error) else error


def command(words: list[str]) -> None:
    """Carry out one command line."""
    if "--version" in words:
        print(f"fa-run {__version__}")
        return
    if complete_here(words):
        return
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError(
            "the folder that you are in has been deleted: cd into another one"
        ) from None
    sweeps = not (words and words[0] in SUBCOMMANDS)
    app, words = app_of(in_order([as_path(word, sweeps) for word in words]))
    hydra_messages.command = "" if app is train else app.__name__
    several = False
    if app is train:
        from fa_cli import composing

        if words in (["--help"], ["-h"]):
            composing.tell_hydra()
            show_help()
            return
        composing.register()
        switches = {"-m", "--multirun", "hydra.mode=MULTIRUN"}
        several = bool({*words} & switches) or any("sweep=" in word for word in words)
        size = composing.sweep_size(words) if several else 1
        if size == 0:
            raise UserError(NOTHING)
        tally.expect(size)
        if not several and clusters.launcher(words) and not asks_only(words):
            raise UserError("a launcher is for several runs: add -m, or leave hydra/launcher away")
    parser = get_args_parser()
    parser.error = raise_usage  # type: ignore[method-assign]  # of this parser alone
    parser.parse_args(words)
    if clusters.elsewhere(words):
        clusters.prepare(words)
    sys.argv[1:] = words
    if app is train and clusters.on_cores(words):
        workers.outlive(app)
    else:
        app()
    counted = not asks_only(words) and not clusters.elsewhere(words)
    if several and counted and not tally.has(tally.BEGUN):
        raise UserError(NOTHING)


def app_of(words: list[str]) -> tuple[Callable, list[str]]:
    """The Hydra app that a command line is for, and its words in Hydra's grammar."""
    for before, word in pairwise(words):
        if word in SUBCOMMANDS and words[0].startswith("-") and not before.startswith("-"):
            raise UserError(f"type the subcommand first: fa-run {word} ...")
    if not words or not re.fullmatch(r"\w+", words[0]):
        return train, words
    name, *rest = words
    if hydra_messages.is_sweep(name):
        raise UserError(f"{name} is a sweep, of several runs: type fa-run +sweep={name}")
    if name not in SUBCOMMANDS:
        raise UserError(
            f"no subcommand is called {name!r}: {suggest(name, SUBCOMMANDS)}; "
            "a run takes key=value words only"
        )
    if name in WORDS:
        rest = named(rest, WORDS[name])
    elif name == "runs":
        rest = ["csv=true" if word == "--csv" else word for word in rest]
    return SUBCOMMANDS[name], rest


def asks_only(words: Sequence[str]) -> bool:
    """Whether a command line asks what its config is, and trains nothing."""
    return any(word in ("--cfg", "-c", "--info", "-i", "--hydra-help") for word in words)


def in_order(words: list[str]) -> list[str]:
    """The words with switches before overrides, where Hydra wants them.

    Raises UserError for two that exclude each other.
    """
    if {*words} & {"-m", "--multirun"} and {*words} & {"--cfg", "-c"}:
        raise UserError("--cfg shows the config of one run: leave -m away, and values with commas")
    overrides = [word for word in words if re.match(r"[^-].*=|[+~]", word)]
    return [word for word in words if word not in overrides] + overrides


def show_help() -> None:
    """`fa-run --help` as Hydra would show it, in half the time.

    Hydra copies all its configs once for every group that it lists.
    """
    with hydra.initialize_config_dir(CONF, version_base="1.3"):
        composed = hydra.compose("config", return_hydra_config=True)
    template = Template(OmegaConf.to_container(composed.hydra.help)["template"])
    listed = []
    for folder in sorted(FOLDER.iterdir()):
        if names := sorted(path.stem for path in folder.glob("*.yaml")):
            listed.append(f"{folder.name}: {', '.join(names)}\n")
    keys = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
    config = OmegaConf.to_yaml(keys)
    print(template.substitute(APP_CONFIG_GROUPS="".join(listed), CONFIG=config))


def raise_usage(message: str) -> NoReturn:
    """In place of argparse's usage text."""
    raise UserError(f"{message}: see `fa-run --help`")


def named(words: Sequence[str], key: str) -> list[str]:
    """`data mnist` for Hydra: bare words become the list that is the value of a key."""
    bare = [word for word in words if re.fullmatch(r"\w[\w.-]*", word)]
    rest = [word for word in words if word not in bare]
    if bare and any(word.startswith(f"{key}=") for word in rest):
        raise UserError(
            f"{bare[0]} and {key}=...: type all of them as words, or all in {key}=[...]"
        )
    return rest + ([f"{key}=[{','.join(bare)}]"] if bare else [])


def complete_here(words: Sequence[str]) -> bool:
    """Shell completion of what Hydra does not know: the subcommands and their words.

    True where nothing is left for Hydra. The shell sends the line so far in COMP_LINE. Where it
    begins with a subcommand, that word is taken out of the line and the subcommand's own Hydra app
    completes the rest.
    """
    line = os.environ.get("COMP_LINE", "").split(" ")
    if "-sc" not in words or len(line) < 2:
        return False
    if len(line) == 2:
        print(" ".join(name for name in SUBCOMMANDS if name.startswith(line[1])), end=" ")
    elif line[1] in SUBCOMMANDS:
        if line[1] == "data":
            from fa_cli.data.fetch import having_files

            print(" ".join(name for name in having_files() if name.startswith(line[-1])), end=" ")
        os.environ["COMP_LINE"] = " ".join([line[0], *line[2:]])
        sys.argv[1:] = words
        SUBCOMMANDS[line[1]]()
        return True
    return False
