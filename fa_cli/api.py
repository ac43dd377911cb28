"""`fa_cli.run`: the command's way from words to results, within another person's Python."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from fa_cli import composing, experiment, tally
from fa_cli.errors import UserError
from fa_cli.folders import as_path
from fa_cli.naming import quoted
from fa_cli.results.reading import Results, load_run, together


def run_words(words: Sequence[str]) -> Results:
    """Compose, train and read one run."""
    words = searched([as_path(word) for word in words])
    with composing.apart():
        composed = None if {*words} & {"-m", "--multirun"} else composing.compose(words)
        if composed is None or str(composed.hydra.mode).endswith("MULTIRUN"):
            raise UserError(
                f"{' '.join(words)}: is a sweep: type it as a command, or call run for each run"
            )
        composing.check_sweep(composed.hydra, words)
        folder = Path(composed.hydra.run.dir)
        own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
        outcome = experiment.run(own, folder, composed.hydra.overrides.task)
    if outcome.how == tally.ELSEWHERE:
        raise UserError(f"{folder} is being trained by another process: wait for it")
    return together([load_run(outcome.folder)])


def searched(words: Sequence[str]) -> list[str]:
    """The words with `--config-dir DIR` as the override that it stands for."""
    words = list(words)
    for k, word in enumerate(words):
        name, equals, folder = word.partition("=")
        if name not in ("--config-dir", "-cd"):
            continue
        rest = words[:k] + words[k + 1 :]
        if not equals:
            folder, rest = "".join(words[k + 1 : k + 2]), words[:k] + words[k + 2 :]
        if not folder:
            raise UserError(f"{name}: expected a folder: type {name} DIR")
        place = quoted(f"file://{Path(folder).absolute()}")
        return [*rest, f"hydra.searchpath=[{place}]"]
    return words
