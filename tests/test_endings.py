"""However a run ends, its work is kept: signals, readers that go away, terminals that close."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest
from helpers import FA_RUN, hears_signals, run_command, start_command, succeed, told, wait_for

import fa_cli
from fa_cli import cli, tally
from fa_cli.__main__ import main
from fa_cli.errors import Stopped, UserError
from fa_cli.processes import is_gone
from fa_cli.results.files import is_locked, locked
from fa_cli.tally import BEGUN, QUEUED, Ending, lost

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
LONG = ["steps=40000000", "seeds=1", "backend.compiled=false", "record.every=1000"]


def piped(folder, words: str, reader: str) -> int:
    """Run the command with another one that reads its output; the command's exit status."""
    script = f"{FA_RUN} {words} | {reader}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=200
    )
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr, done.stderr
    return done.returncode


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_goes_away(tmp_path, reader):
    """A sweep trains all of its runs, whoever reads what it says, and ends well."""
    assert piped(tmp_path, "-m rule=bp,fa,dfa,shallow steps=300 seeds=2", reader) == 0
    assert len(list(tmp_path.rglob("done"))) == 4


@pytest.mark.parametrize("stream", [">&-", ">&- 2>&-", "> /dev/full"])
def test_a_stream_that_is_closed_or_full(tmp_path, stream):
    """As cron and daemons start it: all is trained, and it ends well."""
    words = f"{FA_RUN} -m rule=bp,fa steps=301 seeds=1 {stream}"
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True)
    full = "fa-run: the end of what was printed is lost (No space left on device): print it again\n"
    assert done.returncode == 0 and done.stderr == (full if "full" in stream else ""), done.stderr
    assert len(list(tmp_path.rglob("done"))) == 2


@pytest.mark.parametrize("words", ["keys", "--help", "runs --csv"])
def test_what_is_asked_for_and_cannot_be_written(tmp_path, words):
    """On a full disk: a table that is cut is no success."""
    succeed(run_command(tmp_path, "rule=bp", "steps=9", "seeds=1"))
    words = f"{FA_RUN} {words} > /dev/full"
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True)
    told(done, "No space left on device")


@pytest.mark.parametrize("moment", [0.1, 0.2, 0.3, 0.5])
def test_stopped_while_it_is_imported(tmp_path, moment):
    """Ctrl-C in the first half second is told in one line, as later."""
    words = [sys.executable, "-c", "print(flush=True); from fa_cli.__main__ import main; main()"]
    command = subprocess.Popen([*words, *LONG], cwd=tmp_path, preexec_fn=hears_signals, **PIPES)
    command.stdout.readline()  # Python itself is there
    time.sleep(moment)
    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=60)
    assert command.returncode == 130 and told.startswith("fa-run: stopped"), told
    assert told.count("\n") == 1


def test_stopped_while_a_class_is_made(monkeypatch, capsys):
    """Python 3.11 makes a RuntimeError of what is raised there."""

    class Interrupted:
        def __set_name__(self, owner, name):
            raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", lambda: type("Config", (), {"field": Interrupted()}))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130 and capsys.readouterr().err == "fa-run: stopped\n"


def test_other_mistakes_are_no_stop(monkeypatch):
    """A RuntimeError of the code itself comes through."""

    def fail():
        raise RuntimeError("of its own")

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(RuntimeError, match="of its own"):
        main()


def test_nobody_reads_the_errors_either(tmp_path):
    """Both streams closed: a run that fails says so by its status."""
    assert piped(tmp_path, "-m rule=bp,fa steps=300 seeds=2 2>&1", "true") == 0
    assert len(list(tmp_path.rglob("done"))) == 2
    assert piped(tmp_path, "rule=nope 2>&1", "true") == 1


def test_who_listened_to_the_signal_hears_it_after_the_checkpoint(tmp_path, monkeypatch):
    """A cluster's launcher, that is: it puts the job into its queue again."""
    monkeypatch.chdir(tmp_path)
    heard = []

    def listener(number, frame):
        heard.append((number, [path.name for path in tmp_path.rglob("checkpoint.npz")]))

    def send():
        while not list(tmp_path.rglob("config.yaml")):
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, listener)
    sender = threading.Thread(target=send)
    try:
        sender.start()
        with pytest.raises(Stopped, match="goes on from there"):
            fa_cli.run(*LONG)
        assert signal.getsignal(signal.SIGUSR2) is listener
    finally:
        signal.signal(signal.SIGUSR2, before)
        sender.join()
    assert heard == [(signal.SIGUSR2, ["checkpoint.npz"])]


def test_nohup(tmp_path):
    """Where a closing terminal is to be ignored, the run goes on."""
    words = ["steps=30000", "seeds=1", "backend.compiled=false"]
    run = subprocess.Popen(
        ["nohup", FA_RUN, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for("config.yaml", tmp_path, run)
    run.send_signal(signal.SIGHUP)
    run.communicate(timeout=100)
    assert run.returncode == 0 and list(tmp_path.rglob("done"))


def test_only_its_own_files_are_removed(fa_run, tmp_path):
    """What a killed run left half-written, and nothing of anybody else's."""
    mine = [".notes.tmp", ".metrics.csv.tmp", "notes.txt"]
    for name in mine:
        (tmp_path / name).write_text("keep")
    (tmp_path / ".metrics.csv.abc.fa-run.tmp").write_text("half a")
    succeed(fa_run("hydra.run.dir=.", "steps=20", "seeds=1"))
    assert all((tmp_path / name).read_text() == "keep" for name in mine)
    assert not list(tmp_path.glob(".*.fa-run.tmp"))
    assert len(pd.read_csv(tmp_path / "metrics.csv")) == 2


def workers_of(sweep: subprocess.Popen) -> list[int]:
    """The processes of joblib that train for a command."""
    find = ["pgrep", "-P", str(sweep.pid), "-f", "popen_loky"]
    return [int(pid) for pid in subprocess.run(find, capture_output=True, text=True).stdout.split()]


def test_the_rest_outlives_a_worker_that_is_killed(tmp_path):
    """joblib then ends all of them: they begin anew from their checkpoints, in the same command."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", "rule=bp,fa,dfa", "steps=60000", "seeds=1", "backend.compiled=false"]
    words += ["record.checkpoint_seconds=0.1", "hydra/launcher=cores", "hydra.launcher.n_jobs=2"]
    sweep = start_command(tmp_path, *words)
    wait_for("checkpoint.npz", tmp_path, sweep)
    os.kill(workers_of(sweep)[0], signal.SIGKILL)
    out, complaint = sweep.communicate(timeout=200)
    assert sweep.returncode == 0 and "3 runs: 3 trained" in out, complaint
    assert complaint.count("a worker was killed, and its runs with it: they go on") == 1
    assert len(list(tmp_path.rglob("done"))) == 3


SIGNALS = {  # a signal and whether the whole process group hears it, as of a terminal or `timeout`
    "ctrl-c": [(signal.SIGINT, True)],
    "kill": [(signal.SIGTERM, False)],
    "kill -INT": [(signal.SIGINT, False)],
    "timeout -s INT": [(signal.SIGINT, False), (signal.SIGINT, True)],
}


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_sweep_on_cores_that_is_stopped(tmp_path, sent):
    """Its workers write their checkpoints and are gone; the same command goes on from there."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", "rule=bp,fa,dfa", "seeds=1", "backend.compiled=false", "record.every=10000"]
    words += ["hydra/launcher=cores", "hydra.launcher.n_jobs=2", "steps=2000000"]
    own = {"start_new_session": True, "preexec_fn": hears_signals}
    sweep = subprocess.Popen([FA_RUN, *words], cwd=tmp_path, **own, **PIPES)
    while len(list(tmp_path.rglob("config.yaml"))) < 2:
        time.sleep(0.01)
    workers = workers_of(sweep)
    for number, to_all in SIGNALS[sent]:
        (os.killpg if to_all else os.kill)(sweep.pid, number)
    _, complaint = sweep.communicate(timeout=60)
    assert sweep.returncode == 128 + SIGNALS[sent][0][0], complaint
    assert "fa-run: stopped; the same command goes on from there" in complaint
    assert "Traceback" not in complaint and "lost" not in complaint
    assert len(list(tmp_path.rglob("checkpoint.npz"))) == 2 and not list(tmp_path.rglob("done"))
    assert all(is_gone(f"{socket.gethostname()}:{worker}") for worker in workers)


def test_workers_that_are_killed_again_and_again(tmp_path):
    """Where no run comes to its end: the folders of those that were lost, and what to type."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = ["-m", "rule=bp,fa", *LONG, "record.checkpoint_seconds=0.1", "hydra/launcher=cores"]
    sweep = start_command(tmp_path, *words)
    while sweep.poll() is None:
        if list(tmp_path.rglob("checkpoint.npz")):
            for pid in workers_of(sweep)[:1]:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
    _, complaint = sweep.communicate()
    assert sweep.returncode == 1 and "Traceback" not in complaint, complaint
    assert "linear/rule=" in complaint and "was lost with its process" in complaint
    assert "type the same command again to go on" in complaint


def test_what_killed_commands_have_left_is_removed(tmp_path):
    """The file that counts a command's runs, by the next command that begins there."""
    sweep, here = ["-m", "rule=bp,fa", *LONG, "hydra/launcher=cores"], {"TMPDIR": str(tmp_path)}
    run = start_command(tmp_path, *sweep, **here)
    wait_for("config.yaml", tmp_path, run)
    (mine,) = tmp_path.glob(".fa-run-*")
    for pid in [*workers_of(run), run.pid]:
        os.kill(pid, signal.SIGKILL)
    run.communicate()
    assert mine.exists()
    (tmp_path / ".fa-run-notes").write_text("keep")
    succeed(run_command(tmp_path, "steps=20", "hydra/launcher=cores", "-m", **here))
    assert [path.name for path in tmp_path.glob(".fa-run-*")] == [".fa-run-notes"]


def test_a_refused_run_leaves_anothers_folder_alone(here, tmp_path):
    """No note of failure in the folder of a run that is not its own; a restart removes its own."""
    words = ["steps=400", "seeds=2", "record.keep_checkpoint=true", "hydra.run.dir=mine"]
    succeed(here(*words))
    (tmp_path / "mine" / "done").unlink()
    told(here(*words, "steps=500"), "is of another run")
    assert not (tmp_path / "mine" / "failed").exists()
    (tmp_path / "mine" / "failed").write_text("of an earlier start")
    succeed(here(*words))
    assert not (tmp_path / "mine" / "failed").exists()


def test_any_name_of_a_folder(here, tmp_path):
    """A tab in it ends no command."""
    assert "trained in" in succeed(here("steps=20", "seeds=1", "outputs='t\tb'"))
    assert list(tmp_path.glob("t*b/*/*/done"))


def test_who_looks_at_a_lock_is_not_in_the_way(tmp_path):
    """`fa-run runs` during a sweep makes no run believe that another process has it."""
    looking, refused = True, 0

    def look():
        while looking:
            is_locked(tmp_path)

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(300):
        with locked(tmp_path) as alone:
            refused += not alone
    looking = False
    watcher.join()
    assert refused == 0


def test_a_run_that_another_process_took_over_is_not_lost():
    """A cluster's job that goes on after a time limit; what nobody has ended is named once."""
    begun = [Ending(process, BEGUN, folder) for process, folder in ["1a", "2b", "3a", "4b"]]
    assert lost([*begun, Ending("3", "trained", "")]) == [begun[3]]
    assert lost([*begun, Ending("3", "trained", ""), Ending("4", QUEUED, "")]) == []


def test_a_job_that_outlives_its_command(tmp_path, monkeypatch):
    """It trains as if none had stopped, and counts for nobody."""
    monkeypatch.setenv(tally.TALLY, str(tmp_path / "removed"))
    monkeypatch.setenv(tally.WANTED, "2")
    tally.add("trained")
    assert not tally.has(tally.STOPPING) and not tally.has(tally.FAILED)
    assert tally.left() is None and not list(tmp_path.iterdir())


def test_train_from_the_start_once(tmp_path, monkeypatch):
    """resume=false begins anew; a job of that command that goes on after a time limit does not."""
    words = ["rule=fa", "steps=20000", "seeds=5", "record.checkpoint_seconds=0.1", "resume=false"]
    process = start_command(tmp_path, *words)
    wait_for("checkpoint.npz", tmp_path, process)
    process.send_signal(signal.SIGTERM)
    assert "without resume=false the same command goes on" in process.communicate(timeout=60)[1]
    (checkpoint,) = tmp_path.rglob("checkpoint.npz")
    checkpoint.write_bytes(b"cut short")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(tally.SINCE, "0")
    with pytest.raises(UserError, match="damaged"):
        fa_cli.run(*words)
    monkeypatch.setenv(tally.SINCE, str(time.time()))
    assert fa_cli.run(*words).summary.notna().all().all() and not checkpoint.exists()
