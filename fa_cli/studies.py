"""Studies of Optuna that lose no trial: what was interrupted goes on from its checkpoint."""

from contextlib import suppress
from typing import Any
from warnings import catch_warnings

from fa_cli.processes import is_gone, this_process

OWNER = "process"  # attribute of a trial: the command that tries it


def adopt(config: Any, trial: Any) -> None:
    """Mark a new trial as this command's, and queue again those whose command is no more.

    Hydra's sweeper calls it for every trial (`custom_search_space` in conf/sweep/tune_fa.yaml). A
    queued trial has the parameters, thus the folder and the checkpoint, of the one it stands for.
    Where another command has just queued it, Optuna raises RuntimeError.
    """
    from optuna.trial import TrialState

    trial.set_user_attr(OWNER, this_process())
    study = trial.study
    for other in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if is_gone(other.user_attrs.get(OWNER, "")):
            with suppress(RuntimeError), catch_warnings(action="ignore"):  # it calls itself new
                study.tell(other.number, state=TrialState.FAIL)
                study.enqueue_trial(other.params)
