"""A time limit on a real SLURM: checkpoint, queue again, the rest of the run, all from one command.

It takes some minutes, so it is run where FAULTS asks for many.
"""

import time

import pytest
from faults import MANY
from helpers import run_command, run_here, start_command, succeed

RUN = ["rule=fa", "seeds=2", "record.every=1000", "backend.compiled=false"]
LIMIT = ["timeout_min=1", "signal_delay_s=30"]  # SLURM is up to half a minute late
LONGER = 90  # seconds of training, more than the limit leaves


def steps_of(seconds: float, folder) -> int:
    """As many steps as take so long on this machine."""
    began = time.monotonic()
    succeed(run_here(folder, *RUN, "steps=20000"))
    return round(20 * seconds / (time.monotonic() - began)) * 1000


@pytest.mark.skipif(not MANY, reason="takes minutes: FAULTS=100 asks for it, as `make faults`")
def test_a_time_limit_on_slurm(tmp_path, slurm):
    """The run goes on in another job, is not told as lost, and ends as one left alone."""
    words = [*RUN, f"steps={steps_of(LONGER, tmp_path)}"]
    for name in ("alone", "limited"):
        (tmp_path / name).mkdir()
    alone = start_command(tmp_path / "alone", *words)
    launcher = ["hydra/launcher=slurm", *(f"hydra.launcher.{option}" for option in LIMIT)]
    done = run_command(tmp_path / "limited", "-m", *words, *launcher, **slurm)
    succeed(done)
    assert not done.stderr
    (log,) = (tmp_path / "limited").rglob("*_log.out")
    said = log.read_text()
    assert "Caught signal SIGUSR2" in said and "Requeued job" in said
    print(f"queued again {said.count('Requeued job')} times")
    assert alone.wait(timeout=300) == 0
    (expected,), (found,) = (
        [path.read_bytes() for path in (tmp_path / name).rglob("metrics.csv")]
        for name in ("alone", "limited")
    )
    assert found == expected
