"""What a cluster does not do or does not say by itself: SLURM, by way of submitit.

Jobs that are sent, refused or lost are told in one line each, a sweep that waits in the queue
already is not sent again, and where SLURM keeps no accounts the queue is asked which jobs are over.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fa_cli.errors import UserError
from fa_cli.naming import digest
from fa_cli.terminal import out, shown

ON_CORES = ("cores", "joblib")  # launchers whose workers are on this machine
NO_SLURM = 'Could not detect "srun"'
NO_KEY = "Unknown argument '(.+?)' for executor"
LOST = r"Job (\S+) .*with path (.*)_result\.pkl\s+has not produced any output \(state: (.*)\)"
REMEDIES = [  # a pattern in SLURM's words, and what to type
    (
        "job array|[Ss]ubmit limit",
        "type hydra.sweeper.max_batch_size=N for arrays of N runs, one after the other; "
        "`scontrol show config | grep MaxArraySize` says how large N can be",
    ),
    ("partition", "type hydra.launcher.partition=NAME; `sinfo` lists the names"),
    ("time limit", "type hydra.launcher.timeout_min=MINUTES; `sinfo` lists the limits"),
    ("[Mm]emory", "type hydra.launcher.mem_gb=N; `sinfo -o '%P %m'` lists the MB of each node"),
    ("controller", "`scontrol ping` says whether it answers again: then type the same command"),
    ("processors|CPU", "type hydra.launcher.cpus_per_task=1 or another number"),
]
SENT: list[str] = []  # the arrays of this process, which sends one when that before is over
LISTED = 3  # seconds that a job is listed after its end
AGAIN = "type the same command again to go on"


def another(name: str) -> str:
    """What to type where a launcher does not take what it was told."""
    asked = f"fa-run hydra/launcher={name} --cfg hydra -p hydra.launcher"
    return f"type another hydra.launcher.KEY=VALUE; `{asked}` lists them"


def launcher(words: Iterable[str]) -> str:
    """The launcher that a command line names last, empty where it names none."""
    named = [word.partition("=") for word in words]
    return next((name for key, _, name in reversed(named) if key == "hydra/launcher"), "")


def elsewhere(words: Iterable[str]) -> bool:
    """Whether other machines may train the runs of a command line."""
    return launcher(words) not in ("", "basic", *ON_CORES)


def on_cores(words: Iterable[str]) -> bool:
    """Whether a command line names joblib's launcher, whose workers are on this machine."""
    return launcher(words) in ON_CORES


def prepare(words: Sequence[str]) -> None:
    """Before the jobs of a command go to SLURM: submitit says, and does, what it would not."""
    with suppress(ImportError):
        from submitit.core import utils

        utils.print = lambda *words, **options: None  # of a complaint that it raises as well
        tell_of_jobs(name_of(words))
        if not keeps_accounts():
            ask_the_queue()


def name_of(words: Sequence[str]) -> str:
    """The comment that the jobs of a command have in SLURM, whatever its launcher is told."""
    own = sorted(word for word in words if not re.match("[+~]*hydra[./]launcher", word))
    return f"fa-run:{digest(' '.join([str(Path.cwd()), *own]))}"


def tell_of_jobs(sweep: str) -> None:
    """Let submitit say which jobs it has sent, once it is sure that none of `sweep` are waiting.

    That is their comment in SLURM, unless a person has given another. Raises UserError where there
    are some, and for a time limit that leaves no time.
    """
    import submitit

    class Telling(submitit.AutoExecutor):
        def update_parameters(self, **given: Any) -> None:
            limit, delay = given.get("timeout_min"), given.get("slurm_signal_delay_s")
            if limit and delay and 60 * limit <= delay:
                raise UserError(
                    f"hydra.launcher.timeout_min={limit}: jobs are told to stop "
                    f"signal_delay_s={delay} before the end, which would be at once: type "
                    f"hydra.launcher.timeout_min={delay // 60 + 1} or more"
                )
            if self.cluster == "slurm" and not given.get("slurm_comment"):
                given["slurm_comment"] = sweep
            super().update_parameters(**given)

        def map_array(self, *lists: Any) -> list:
            if self.cluster != "slurm":
                return super().map_array(*lists)
            if not SENT and (before := still_in_the_queue(sweep)):
                raise UserError(
                    f"the jobs of this sweep are in SLURM's queue already, as {before}: wait for "
                    f"them (`squeue --me` lists them), or type `scancel {before}`"
                )
            jobs = super().map_array(*lists)
            array = jobs[0].job_id.split("_")[0]
            SENT.append(array)
            logs = shown(Path(self.folder).absolute().parent / f"{array}_*")
            are = "1 job is" if len(jobs) == 1 else f"{len(jobs)} jobs are"
            out.print(f"{are} in SLURM's queue as {array}; logs: {logs}/")
            return jobs

    submitit.AutoExecutor = Telling


def still_in_the_queue(comment: str) -> str:
    """The jobs with a comment, arrays as one; one that has just ended is listed for a moment."""
    if comment not in queue().values():
        return ""
    time.sleep(LISTED)
    return " ".join(sorted(number for number, own in queue().items() if own == comment))


def queue() -> dict[str, str]:
    """The comments of a person's jobs that are not ending, by their numbers, arrays as one."""
    states = "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED"
    words = ["squeue", "--me", "--noheader", states, "--format=%F %k"]
    with suppress(OSError):
        lines = subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
        return dict(line.split(" ", 1) for line in lines)
    return {}


def left_behind() -> str:
    """What a person is told who stops waiting for jobs; nothing where none are left."""
    waiting = queue() if SENT else {}
    left = " ".join(array for array in SENT if array in waiting)
    return f"stopped waiting; the jobs go on: `scancel {left}` ends them" if left else ""


def keeps_accounts() -> bool:
    """Whether `sacct` can say how jobs ended; true as well where there is no SLURM."""
    try:
        subprocess.run(["squeue", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return True
    with suppress(OSError):
        return not subprocess.run(["sacct", "--noheader"], capture_output=True).returncode
    return False


def ask_the_queue() -> None:
    """Let submitit ask `squeue` in place of `sacct`: a job that is not listed is over."""
    from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

    class Queue(SlurmInfoWatcher):
        def _make_command(self) -> list[str]:
            return ["squeue", "--me", "--array", "--noheader", "--format=%i"]

        def read_info(self, string: bytes) -> dict[str, dict[str, str]]:
            listed = string.decode().split()
            states = {True: "RUNNING", False: "GONE"}
            return {job: {"State": states[job in listed]} for job in self._registered}

    SlurmJob.watcher = Queue(delay_s=20)


def own_log() -> str:
    """The file that keeps what this process says; empty where it is no cluster's job."""
    if "SUBMITIT_FOLDER" not in os.environ:
        return ""
    import submitit

    paths = submitit.JobEnvironment().paths
    return str(paths.stderr if paths.stderr.exists() else paths.stdout)


def complains(error: BaseException) -> bool:
    """Whether submitit, or SLURM through it, says what went wrong."""
    own = type(error).__module__.split(".")[0] == "submitit"
    return own or any(re.search(pattern, str(error)) for pattern in (NO_SLURM, NO_KEY))


def in_one_line(error: BaseException) -> str:
    """What is told of such an error."""
    text = str(error)
    if NO_SLURM in text:
        return "this machine has no SLURM (no `srun`): type hydra/launcher=cores for its own cores"
    if found := re.search(NO_KEY, text):
        return f"SLURM takes no hydra.launcher.{found[1]}: {another('slurm')}"
    if isinstance(error.__cause__, subprocess.CalledProcessError):
        return refusal(text.splitlines())
    if found := re.search(LOST, text):
        job, log, state = found.groups()
        logs = [path for end in ("err", "out") if (path := Path(f"{log}_log.{end}")).exists()]
        where = f"its log is {shown(logs[0])}" if logs else "without a log"
        others = f"; its others go on (`fa-run runs` lists them): then {AGAIN}"
        rest = others if job.split("_")[0] in queue() else f"; none is left: {AGAIN}"
        return f"job {job} was lost ({state}), {where}{rest}"
    first = (text.splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"a job was lost ({first}): {AGAIN}"


def refusal(lines: Sequence[str]) -> str:
    """The line for jobs that `sbatch` did not take."""
    words = [re.sub(r"sbatch: (error: )?(Batch job submission failed: )?", "", l) for l in lines]
    said = "; ".join(words)
    remedy = next(
        (typed for pattern, typed in REMEDIES if re.search(pattern, said)), another("slurm")
    )
    return f"SLURM refused the jobs ({said}): {remedy}"
