"""The `fa-run` command: a Hydra run, or the subcommand that its first word names."""

import os
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fa_cli import __version__, config, errors
from fa_cli.data.fetch import SOURCES
from fa_cli.errors import UserError, suggest

EXTRAS = {
    "joblib": "joblib",
    "submitit_local": "slurm",
    "submitit_slurm": "slurm",
    "ray": "ray",
    "optuna": "optuna",
}  # their extras
CONF = str(config.FOLDER)


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
def train(cfg: DictConfig) -> float:
    """Train what the config says; returns what a sweeper minimises."""
    from fa_cli import (
        config,
        errors,
        experiment,
    )  # a launcher may call this function in another process

    config.register()

    return errors.attempt(experiment.run, cfg)


@hydra.main(version_base="1.3", config_path=CONF, config_name="plot")
def plot(cfg: DictConfig) -> None:
    """Draw figures from results on disk."""
    from fa_cli import errors, figures

    errors.attempt(figures.plot, cfg)


@hydra.main(version_base="1.3", config_path=CONF, config_name="data")
def data(cfg: DictConfig) -> None:
    """Fetch, verify and list data."""
    from fa_cli import errors
    from fa_cli.data import fetch

    errors.attempt(fetch.run, cfg)


@hydra.main(version_base="1.3", config_path=CONF, config_name="report")
def report(cfg: DictConfig) -> None:
    """Judge the paper's claims."""
    from fa_cli import errors
    from fa_cli import report as judging

    errors.attempt(judging.run, cfg)


@hydra.main(version_base="1.3", config_path=CONF, config_name="bench")
def bench(cfg: DictConfig) -> None:
    """Measure speed."""
    from fa_cli import bench as measuring
    from fa_cli import errors

    errors.attempt(measuring.run, cfg)


@hydra.main(version_base="1.3", config_path=CONF, config_name="runs")
def runs(cfg: DictConfig) -> None:
    """List runs."""
    from fa_cli import errors
    from fa_cli import runs as listing

    errors.attempt(listing.run, cfg)


SUBCOMMANDS = {"plot": plot, "report": report, "runs": runs, "data": data, "bench": bench}


def main() -> None:
    """Entry point of `fa-run`: 0 where all went well, 1 after an error that was told in one line, 128 + its number after a signal."""
    traceback = (
        os.environ.get("HYDRA_FULL_ERROR") == "1"
    )  # Hydra's own switch for those who want to see where
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as they are
    shared = (
        "." if any(word.startswith("hydra/launcher=") for word in sys.argv) else None
    )  # a cluster's nodes share no /tmp
    handle, tally = tempfile.mkstemp(prefix=".fa-run-", dir=shared)
    os.close(handle)
    os.environ[errors.TALLY], os.environ[errors.COMMAND] = tally, str(os.getpid())
    try:
        command(sys.argv[1:])
    except KeyboardInterrupt as interrupt:
        errors.complain(str(interrupt) or "stopped")
        sys.exit(128 + getattr(interrupt, "number", signal.SIGINT))
    except Exception as error:
        if traceback or not a_person_caused(error):
            raise
        errors.complain(explain(error))
        sys.exit(1)
    finally:
        told = [line.split("\t") for line in Path(tally).read_text().splitlines()]
        Path(tally).unlink()
        for process, _, text in told:
            if text and process != str(os.getpid()):
                errors.complain(text)
        outcomes = [outcome for _, outcome, _ in told]
        if len(outcomes) > 1:
            print(
                f"{len(outcomes)} runs: "
                + ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes).items())
            )
    sys.exit(1 if "failed" in outcomes else 0)


def a_person_caused(error: Exception) -> bool:
    """Whether an error is told in one line; any other is a mistake in the code and keeps its traceback."""
    known = (UserError, OSError, MemoryError, HydraException, OmegaConfBaseException)
    return (
        isinstance(error, known)
        or lost_a_run(error)
        or "Config group override" in str(error)
        or "Unknown plugin class" in str(error)
    )


def lost_a_run(error: BaseException) -> bool:
    """Whether a launcher says that a process ended without a word, as one that was killed hard does."""
    return type(error).__module__.split(".")[0] in ("joblib", "submitit", "ray", "concurrent")


def command(words: list[str]) -> None:
    """Carry out one command line."""
    if words[:1] == ["--version"]:
        print(f"fa-run {__version__}")
        return
    if complete_here(words):
        return
    config.register()
    app = train
    if words and words[0] in SUBCOMMANDS:
        app, words = SUBCOMMANDS[words[0]], words[1:]
        if app is data:
            words = named(words)
        elif app is runs:
            words = ["csv=true" if word == "--csv" else word for word in words]
    elif words and re.fullmatch(r"[a-z_]+", words[0]):
        raise UserError(
            f"no subcommand is called {words[0]!r}: {suggest(words[0], SUBCOMMANDS)}; a run takes key=value words only"
        )
    if words in (["--help"], ["-h"]) and app is train:
        show_help()
        return
    parser = get_args_parser()
    parser.error = raise_usage
    parser.parse_args(words)
    sys.argv[1:] = words
    app()


def show_help() -> None:
    """`fa-run --help` as Hydra would show it, in half the time: Hydra copies all its configs once for every group that it lists."""
    with hydra.initialize_config_dir(CONF, version_base="1.3"):
        composed = hydra.compose("config", return_hydra_config=True)
    template = Template(OmegaConf.to_container(composed.hydra.help)["template"])
    options = {
        folder.name: sorted(path.stem for path in folder.glob("*.yaml"))
        for folder in sorted(config.FOLDER.iterdir())
    }
    groups = "".join(f"{group}: {', '.join(names)}\n" for group, names in options.items() if names)
    keys = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
    print(template.substitute(APP_CONFIG_GROUPS=groups, CONFIG=OmegaConf.to_yaml(keys)))


def raise_usage(message: str) -> None:
    """In place of argparse's usage text."""
    raise UserError(f"{message}: see `fa-run --help`")


def named(words: Sequence[str]) -> list[str]:
    """`data mnist` for Hydra: bare words become the list `names`."""
    bare = [word for word in words if re.fullmatch(r"[\w-]+", word) and not word.startswith("-")]
    return [word for word in words if word not in bare] + (
        [f"names=[{','.join(bare)}]"] if bare else []
    )


def complete_here(words: Sequence[str]) -> bool:
    """Shell completion of what Hydra does not know: the subcommands and their words. True where nothing is left for Hydra.

    The shell sends the line so far in COMP_LINE. Where it begins with a subcommand, that word is taken out of the line and the
    subcommand's own Hydra app completes the rest.
    """
    line = os.environ.get("COMP_LINE", "").split(" ")
    if "-sc" not in words or len(line) < 2:
        return False
    if len(line) == 2:
        print(" ".join(name for name in SUBCOMMANDS if name.startswith(line[1])), end=" ")
    elif line[1] in SUBCOMMANDS:
        if line[1] == "data":
            print(" ".join(name for name in SOURCES if name.startswith(line[-1])), end=" ")
        os.environ["COMP_LINE"] = " ".join([line[0], *line[2:]])
        sys.argv[1:] = words
        SUBCOMMANDS[line[1]]()
        return True
    return False


def explain(error: BaseException) -> BaseException | str:
    """One line for what Hydra could not compose or OmegaConf not read; other errors as they are."""
    text = str(error)
    if lost_a_run(error):
        return f"a run was lost ({type(error).__name__}): type the same command again to go on"
    if found := re.search(r"Could not find '(?:(.+)/)?(.+)'", text):
        group, name = found.groups()
        if name in EXTRAS:
            return f"{group}={name} needs a plugin: type `pip install 'fa-run[{EXTRAS[name]}]'`"
        options = re.findall(r"^\t(\w+)$", text, re.MULTILINE)
        return f"no {group} is called {name!r}: {suggest(name, options)}"
    if found := re.search(r"Unknown plugin class : '(.+)'", text):
        return f"the plugin of {found[1]} is not installed: type `pip install 'fa-run[joblib,slurm,ray,optuna]'`, or one of these"
    if found := re.search(r"Could not override '([^']+)'", text):
        key = found[1]
        if "No match in the defaults list" in text:
            return f"{key} is added, not replaced: type +{key}=NAME"
        return f"no key is called {key}: {suggest(key, config.known_keys())}"
    if isinstance(error, OverrideParseException):
        return f"cannot read {error.override!r}: expected key=value, in quotes where the value has brackets, commas or spaces"
    if found := re.search(r"Multiple values for ([\w/]+)", text):
        return f"{found[1]} has a value already: type {found[1]}=NAME without the +"
    if "Config group override" in text:  # model=null
        return "a group cannot be null: type GROUP=NAME, such as model=linear; `fa-run --help` lists the names"
    if found := re.search(r"Missing mandatory value: (\w+)\.name", text):  # ~rule
        return f"the run has no {found[1]}: type {found[1]}=NAME; `fa-run --help` lists the names"
    if found := re.search(r"Ambiguous value for argument '(.*)'", text):
        return f"{found[1]}: several values: add -m to run them all, or write a list as [a,b]"
    if isinstance(error, HydraException | OmegaConfBaseException):
        return "; ".join(line.strip() for line in text.splitlines() if line.strip())
    return error


if __name__ == "__main__":
    main()
