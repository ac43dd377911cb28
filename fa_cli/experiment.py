"""One run from its composed config to its results: builds the parts by name, trains, writes.

It knows no Hydra: the command (cli.py) and `fa_cli.run` hand over what was composed and typed, and
the folder that results go to.
"""

import contextlib
import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import threadpoolctl
from omegaconf import DictConfig, OmegaConf

from fa_cli import compiled, config, naming, tally
from fa_cli.backend import BACKENDS, Backend, usable_cores
from fa_cli.data import DATASETS, Data, Setting
from fa_cli.data.by_hand import is_lacking
from fa_cli.errors import Stopped, UserError
from fa_cli.models import MODELS
from fa_cli.network import MATCHED, Network, add_feedback
from fa_cli.randomness import Blocks, generator
from fa_cli.results.files import locked
from fa_cli.results.formats import summarise
from fa_cli.results.identity import Identity, changed, identity
from fa_cli.results.reading import belongs_to, check_own, finished, load_run
from fa_cli.results.recorder import Recorder
from fa_cli.rules import RULES, Rule
from fa_cli.schema import PhaseConfig, RuleConfig, RunConfig
from fa_cli.signals import ALL
from fa_cli.train import Phase, length, match, parts_of, train

PACKAGE = Path(__file__).resolve().parent
NETWORKS = 5  # whose receptive fields are kept
PACKAGES = ("fa-run", "numpy", "scipy", "pandas", "hydra-core", "omegaconf")


class Outcome(NamedTuple):
    """How a run ended."""

    how: str  # tally.TRAINED, BEFORE or ELSEWHERE
    folder: Path
    summary: pd.DataFrame | None = None  # as in summary.csv; None where another process has the run
    seconds: float | None = None  # that training took, if it was trained now


def run(composed: DictConfig, folder: Path, typed: Sequence[str]) -> Outcome:
    """Train what was composed, into `folder`, unless that holds the finished run already.

    `typed`: the overrides. Raises UserError for what a person can mend.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        plain = config.resolve(composed, typed)
        checked = config.check(plain)
        config.tell_useless(composed, plain, typed)
        same = identity(plain, config.option_defaults(plain), foreign_files(plain))
        folder = where_it_is(folder, composed.rule.name, typed, same)
        if is_done(folder, checked.resume, same):
            earlier = before(folder)  # which looks whether it is damaged
            check_data(folder, checked)
            return earlier
        with locked(folder) as alone:
            if not alone:
                return Outcome(tally.ELSEWHERE, folder)
            if is_done(folder, checked.resume, same):  # by now
                return before(folder)
            check_own(folder)
            texts = {
                "config.yaml": OmegaConf.to_yaml(composed),
                "overrides.yaml": OmegaConf.to_yaml(list(typed)),
            }
            return Outcome(tally.TRAINED, folder, *run_in(folder, checked, same, texts))
    except UserError:
        with contextlib.suppress(OSError):
            folder.rmdir()  # if nothing is in it
        raise


def is_done(folder: Path, resume: bool, same: Identity) -> bool:
    """Whether a folder holds the finished run; without `resume` only what this command has made."""
    return (resume or tally.made(folder / "done")) and finished(folder, same)


def where_it_is(folder: Path, rule: str, typed: Sequence[str], same: Identity) -> Path:
    """The run's folder, or the one that an earlier version named otherwise and that has the run."""
    earlier = folder.with_name(naming.earlier_name(rule, typed))
    usual = folder.name == naming.run_name(rule, typed) and not (folder / "config.yaml").exists()
    if not usual or earlier == folder or not belongs_to(earlier, same):
        return folder
    with contextlib.suppress(OSError):
        folder.rmdir()
    return earlier


def check_data(folder: Path, checked: RunConfig) -> None:
    """Raise UserError where data of a person's own are not those that a run was made with.

    What is fetched has its checksums in the code.
    """
    name, kept = checked.dataset.name, folder / "manifest.json"
    own = DATASETS[name].by_hand or not DATASETS.origins[name].is_relative_to(PACKAGE)
    if not own or not kept.exists() or is_lacking(name, str(checked.data_dir)):
        return
    backend = backend_of(checked)
    with backend.computing():
        now = open_data(checked, network_of(checked, backend)).checksums
    if what := changed(json.loads(kept.read_text()).get("data") or {}, now):
        raise UserError(
            f"{folder} was made with other {what} of dataset={name}: "
            "type outputs=DIR to keep its results, or resume=false"
        )


def before(folder: Path) -> Outcome:
    """What is told of a run that had been finished."""
    return Outcome(tally.BEFORE, folder, summarise(load_run(folder).metrics))


def run_in(
    folder: Path, checked: RunConfig, same: Identity, texts: Mapping[str, str]
) -> tuple[pd.DataFrame, float]:
    """Train a checked config and write its results into `folder`.

    Returns their summary and the seconds that training took.
    """
    backend = backend_of(checked)
    with backend.computing():
        net, data, phases = before_learning(checked, backend)
        stop, per_epoch = phases[-1].stop, data.steps_per_epoch
        recorder = Recorder(
            checked, folder, same, net.seeds, stop, per_epoch, data.checksums, backend
        )
        fields = checked.record.receptive_fields
        arrays = {"receptive_fields_before": receptive_fields(net, checked)} if fields else {}
        made_by = manifest(checked, net, data, phases)  # the code may be edited while it trains
        try:
            with recorder.progress:
                train(checked, net, data, phases, recorder)
                if fields:
                    arrays["receptive_fields_after"] = receptive_fields(net, checked)
                arrays |= reconstructions(net, data, checked.record.reconstructions)
                summary = recorder.finish(arrays, texts, made_by)
        except Exception as error:
            recorder.fail(error)
            raise
    if signal := recorder.progress.interrupted:  # after the last checkpoint
        raise Stopped(f"stopped; {folder} is finished", signal)
    return summary, recorder.elapsed()


def before_learning(checked: RunConfig, backend: Backend) -> tuple[Network, Data, list[Phase]]:
    """A run's network, data and phases, within `backend.computing()`."""
    net = network_of(checked, backend)
    data = open_data(checked, net)
    return net, data, plan(checked, net, data)


def backend_of(checked: RunConfig) -> Backend:
    """The run's backend; raises UserError where it does not work here."""
    return BACKENDS[checked.backend.name].build(checked.dtype, **checked.backend.options)


def network_of(checked: RunConfig, backend: Backend) -> Network:
    """The run's network, of all seeds."""
    return MODELS[checked.model.name].build(checked.model, backend, config.seeds_of(checked))


def open_data(checked: RunConfig, net: Network) -> Data:
    """The run's dataset, once the network can be shown its probe and what is kept is there."""
    sizes = net.sizes
    assert checked.data_dir is not None  # config.check says where
    setting = Setting(
        seeds=net.seeds,
        inputs=sizes[0],
        outputs=sizes[-1],
        values=net.values,
        batch_size=checked.batch_size,
        examples=checked.record.examples,
        backend=net.backend,
        data_dir=checked.data_dir,
        fetch=checked.fetch,
    )
    data = DATASETS[checked.dataset.name].open(setting, **checked.dataset.options)
    net.check_probe(data.probe.x)
    count = checked.record.reconstructions
    if count and getattr(data, "grey", None) is None:
        raise UserError(
            f"record.reconstructions={count}: only an autoencoder has any: type "
            "dataset.targets=input, or record.reconstructions=0"
        )
    return data


def plan(checked: RunConfig, net: Network, data: Data) -> list[Phase]:
    """The phases of a run, one after the other; a plain run is a single phase."""
    phases, start = [], 0
    if checked.epochs:
        length(None, checked.epochs, data.steps_per_epoch)  # a schedule counts in them
    whole = PhaseConfig(steps=checked.steps, epochs=checked.epochs)
    for number, part in enumerate(checked.phases or [whole]):
        rule = RULES.find(part.rule or checked.rule.name)
        options = {key: checked.rule.options[key] for key in rule.options}
        learns = rule.adapt is not None
        fresh = f"fresh{number}" if part.fresh_feedback else ""
        earlier = set(map(id, net.bank.values()))
        feedback = add_feedback(net, checked.rule, rule.feedback(net.layers), learns, fresh)
        stop = start + length(part.steps, part.epochs, data.steps_per_epoch)
        noise, probe_noise = noise_of(rule, options, checked, net, data)
        frozen = frozenset(part.freeze)
        phase = Phase(rule, options, feedback, frozen, start, stop, noise, probe_noise)
        if not phase.raw(net):
            drawn = [l for l, b in feedback.items() if id(b) not in earlier]
            match(net, data, phase, [l for l in matched(checked.rule, feedback) if l in drawn])
        phases.append(phase)
        start = stop
    return phases


def matched(rule: RuleConfig, feedback: Mapping) -> list[int]:
    """The layers to which random B_l are to bring errors of about the output's size."""
    scale, layers = rule.feedback_scale, [*feedback]
    scales = scale if isinstance(scale, list) else [scale] * len(layers)
    random = rule.feedback is None
    pairs = zip(layers, scales, strict=False)  # without B there are no layers
    return [l for l, one in pairs if random and one == MATCHED]


def noise_of(
    rule: Rule, options: Mapping, checked: RunConfig, net: Network, data: Data
) -> tuple[Blocks | None, dict | None]:
    """xi_l ~ N(0, sd^2) for the layers that a rule wants noise for: of training, of the probe."""
    if rule.noise is None:
        return None, None
    layers = rule.noise(net.depth, **options)

    def draw(rng: np.random.Generator, s: int, count: int) -> tuple[np.ndarray, ...]:
        normal = rng.standard_normal
        return tuple(sd * normal((count, net.sizes[l])) for l, sd in layers.items())

    training = Blocks(net.seeds, "noise", checked.batch_size, draw, net.backend)
    probe = Blocks(net.seeds, "probe_noise", data.probe.x.shape[1], draw, net.backend)
    return training, dict(zip(layers, probe(0), strict=True))


def receptive_fields(net: Network, checked: RunConfig) -> np.ndarray:
    """Incoming weights of random units of layer 1, of the first seeds; (networks, units, field).

    Paper, Supp. Fig. 5.
    """
    weights = net.weights[0][:NETWORKS]
    count = min(checked.record.receptive_fields, weights.shape[1])
    kept = []
    for seed, w in zip(net.seeds, net.backend.to_host(weights), strict=False):
        chosen = generator(seed, "receptive_fields").permutation(len(w))[:count]
        kept.append(w[chosen].astype(np.float16))
    return np.stack(kept)


def reconstructions(net: Network, data: Data, count: int) -> dict[str, np.ndarray]:
    """The first held-out images and what autoencoders make of them, as bytes (.., count, pixels).

    Paper, Supp. Note 9.
    """
    pixels_of = getattr(data, "grey", None)
    if not count or pixels_of is None:
        return {}
    x = data.probe.x[:, :count]
    made = net.observer("probe")(data.probe._replace(x=x, target=x)).activations[-1]
    kept = {"images": x[0], "reconstructions": made[:NETWORKS]}
    grey = {name: net.backend.to_host(pixels_of(array)) for name, array in kept.items()}
    return {name: bytes_of(array) for name, array in grey.items()}


def bytes_of(grey: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1] as 0..255; what lies beyond is as the nearest."""
    return (255 * grey).round().clip(0, 255).astype(np.uint8)


# ---- where results come from ---------------------------------------------------------------------


def foreign_files(plain: Mapping) -> list[Path]:
    """The files outside this package that a run's rules and dataset come from.

    With what they have imported from their own folders.
    """
    files = {RULES.origins[name] for name in config.rules_of(plain)}
    files.add(DATASETS.origins[plain["dataset"]["name"]])
    foreign = {path for path in files if not path.is_relative_to(PACKAGE)}
    folders = {path.parent for path in foreign}
    for module in list(sys.modules.values()) if folders else []:  # they are many
        path = Path(getattr(module, "__file__", None) or PACKAGE).resolve()
        if path.parent in folders and path.suffix == ".py":
            foreign.add(path)
    return sorted(foreign)


def manifest(checked: RunConfig, net: Network, data: Data, phases: Sequence[Phase]) -> dict:
    """Where results came from: versions, commit, data, device, and by which loop."""
    libraries = [lib for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"]
    packages = {package: version_of(package) for package in PACKAGES}
    return {
        "versions": {"python": platform.python_version()} | packages,
        "commit": commit(),
        "data": data.checksums,
        "backend": checked.backend.name,
        "device": net.backend.device_name(),
        "cpu": processor(),
        "cores": usable_cores(),
        "threads": getattr(net.backend, "threads", None),
        "blas": sorted({told_of(library) for library in libraries}),
        "loop": [loop_of(checked, net, phase) for phase in phases],
    }


def told_of(library: Mapping) -> str:
    """A BLAS: which, its version, and the kernel that it has for this processor."""
    kernel = library.get("architecture") or ""
    return f"{library['internal_api']} {library['version']} {kernel}".strip()


def processor() -> str:
    """The name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def version_of(package: str) -> str | None:
    """The version of an installed package; None where that is not written down."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def loop_of(checked: RunConfig, net: Network, phase: Phase) -> str:
    """The way through a phase's steps: `compiled`, `seeds apart` or `seeds together`."""
    if compiled.covers(checked, net, phase):
        return "compiled"
    return "seeds together" if parts_of(checked, net) == [ALL] else "seeds apart"


def commit() -> str | None:
    """The git commit of the code that runs, with `+` where files were changed since.

    Outside a checkout that of the wheel, None where it knows none.
    """
    packed = Path(__file__).parent / "commit.txt"
    if packed.exists():
        return packed.read_text()
    try:
        if not Path(git("rev-parse", "--show-toplevel"), "fa_cli").samefile(Path(__file__).parent):
            return None
        changed = git("status", "--porcelain", "--", ":/fa_cli", ":/conf")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def git(*words: str) -> str:
    """What git says of the folder of this package."""
    said = subprocess.run(
        ["git", *words], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return said.stdout.strip()
