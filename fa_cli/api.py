"""`fa_cli.run`: the command's way from words to results, within another person's Python."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from fa_cli import config, experiment, tally
from fa_cli.errors import UserError
from fa_cli.results.files import at_home
from fa_cli.results.reading import Results, load_run, together


def run_words(words: Sequence[str]) -> Results:
    """Compose, train and read one run."""
    words = [at_home(word) for word in words]
    with config.apart():
        composed = config.compose(words)
        if str(composed.hydra.mode).endswith("MULTIRUN"):
            raise UserError(
                f"{' '.join(words)}: is a sweep: type it as a command, or call run for each run"
            )
        folder = Path(composed.hydra.run.dir)
        own = OmegaConf.masked_copy(composed, [key for key in composed if key != "hydra"])
        outcome = experiment.run(own, folder, words)
    if outcome.how == tally.ELSEWHERE:
        raise UserError(f"{folder} is being trained by another process: wait for it")
    return together([load_run(outcome.folder)])
