"""The `fa-run` command: a Hydra run, or one of the subcommands that its first word names."""

import hashlib
import os
import sys

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from fa_cli import config

NAMED_APART = ("experiment", "sweep", "outputs", "data_dir", "overwrite", "rule")  # overrides that a run's folder does not repeat


@hydra.main(version_base="1.3", config_path=str(config.FOLDER), config_name="config")
def train(cfg: DictConfig) -> None:
    from fa_cli.experiment import run

    run(cfg)


def experiment_name(*, _root_: DictConfig) -> str:
    """The first part of a run's folder: the experiment."""
    return _root_.hydra.runtime.choices.experiment or "custom"


def run_name(*, _root_: DictConfig) -> str:
    """The second part: the rule, and what else was typed, such as `rule=fa,batch_size=10`."""
    typed = [word.lstrip("+") for word in _root_.hydra.overrides.task]
    differing = sorted(word for word in typed if word.split("=")[0].split("@")[0] not in NAMED_APART)
    name = ",".join([f"rule={_root_.rule.name}", *differing]).replace("/", "_").replace(" ", "")
    return name if len(name) <= 200 else f"{name[:180]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def main() -> None:
    """Entry point of `fa-run`."""
    config.register()
    OmegaConf.register_new_resolver("experiment_name", experiment_name, replace=True)
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    train()


if __name__ == "__main__":
    main()
