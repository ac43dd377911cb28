"""The network of Fig. 4, against eq. (5)-(8) of the paper written out, and what follows."""

from signal import SIGINT

import numpy as np
import pandas as pd
import pytest
from helpers import layers_of, needs_mnist, options_of, succeed, told, tolerance
from strict import StrictBackend

from fa_cli.backend import Backend, NumpyBackend
from fa_cli.data import Batch
from fa_cli.figures.fig4 import moments
from fa_cli.layers import LAYERS
from fa_cli.models import spiking
from fa_cli.network import Network, add_feedback, build
from fa_cli.optimizer import update
from fa_cli.probes import METRICS, View
from fa_cli.randomness import generator
from fa_cli.results.reading import Run
from fa_cli.rules import RULES
from fa_cli.schema import ModelConfig, OptimizerConfig, RuleConfig, RunConfig
from fa_cli.signals import ALL
from fa_cli.train import Phase, learn

quick = pytest.mark.quick
SIZES, STREAMS, CLASSES, STEPS, TAU = (6, 5, 4, 6), 3, 3, 4, 0.7
ETA, DECAY = 0.3, 0.01
ON_SPIKES = sorted(name for name, rule in RULES.items() if rule.noise is None)
WRITTEN_OUT = ("fa", "bp", "dfa", "shallow", "kolen_pollack")
DYNAMICS = {
    "tau": TAU,
    "steps_per_image": STEPS,
    "rate_cap": 0.95,
    "population": 2,
    "streams": STREAMS,
    "phi_delta": "tanh",
}
TINY = ["experiment=fig4_spiking", "dataset=digits", "model.sizes=[64,20,15,20]", "epochs=null"]
TINY += ["model.population=2", "model.streams=10", "steps=20", "record.every=10", "dtype=float64"]
TINY += ["optimizer.schedule=[]", "record.early=0", "seeds=1"]
ARRAYS = {"W": 0, "b": 0, "V": 1, "U": 1}  # of an audit, with the number of the first

STOPPING = f"""
from fa_cli.results.recorder import Recorder

def must_save(recorder):
    recorder.progress.interrupted = {int(SIGINT)} if recorder.rows.steps[-1] == 10 else None
    return recorder.progress.interrupted

Recorder.must_save = must_save
"""


class Images:
    """Random images in 0..1, an endless row of batches."""

    steps_per_epoch = None

    def __init__(self, backend: Backend | None, seeds=(0, 1), inputs=SIZES[0], classes=CLASSES):
        self.backend, self.seeds, self.inputs, self.classes = backend, seeds, inputs, classes

    def arrays(self, step):
        """Images and codes of all seeds."""
        rngs = [np.random.default_rng([seed, step]) for seed in self.seeds]
        x = np.stack([rng.random((STREAMS, self.inputs)) for rng in rngs])
        classes = np.stack([rng.integers(self.classes, size=STREAMS) for rng in rngs])
        return x, np.eye(self.classes)[classes]

    def batch(self, step, steps=1, seeds=ALL):
        """As of a dataset."""
        return Batch(*(self.backend.to_device(array[seeds]) for array in self.arrays(step)))


def made(rule="fa", backend=None, seeds=(0, 1), layers=None, **changed):
    """A config, its network at rest, and a phase of the rule."""
    backend, options = backend or NumpyBackend("float64"), options_of(rule)
    model = ModelConfig(
        name="spiking",
        sizes=None if layers else list(SIZES),
        layers=layers,
        hidden="logistic",
        output="logistic",
        biases=True,
        bias_scale=0.3,
        weight_scale=1.0,
        options=DYNAMICS | changed,
    )
    config = RunConfig(
        model=model,
        rule=RuleConfig(name=rule, feedback_scale=0.8, options=options),
        optimizer=OptimizerConfig(learning_rate=ETA, weight_decay=DECAY),
        batch_size=STREAMS,
    )
    net = spiking.build_spiking(model, backend, list(seeds))
    learns = RULES[rule].adapt is not None
    net.feedback = add_feedback(net, config.rule, RULES[rule].feedback(net.layers), learns)
    return config, net, Phase(RULES[rule], options, net.feedback, frozenset(), 0, 10**6)


def everything(net) -> dict[str, np.ndarray]:
    """Parameters and potentials on the host."""
    arrays = net.parameters() | net.state()
    return {name: net.backend.to_host(array) for name, array in arrays.items()}


def trained(steps, rule="fa", backend=None, seeds=(0, 1), **changed):
    """The network after some images."""
    config, net, phase = made(rule, backend, seeds, **changed)
    data = Images(net.backend, seeds, net.sizes[0], net.values)
    for step in range(steps):
        learn(config, net, data, phase, None, range(step, step + 1))
    return net


def sigmoid(v):
    """1 / (1 + e^-v)."""
    return 1 / (1 + np.exp(-v))


PHI_DELTA = {
    "tanh": np.tanh,
    "bipolar": lambda u: 2 * sigmoid(u) - 1,
    "logistic": lambda u: sigmoid(u) - 0.5,
}


class Paper:
    """Eq. (5)-(8) for one seed, with the signs of the paper: U is spikes minus target.

    Updates are subtracted. Columns are streams.
    """

    def __init__(self, rule: str, seed: int, phi_delta: str):
        _, net, _ = made(rule)
        self.rule, self.seed, self.phi_delta = rule, seed, PHI_DELTA[phi_delta]
        self.w, self.b = (
            [one[seed].copy() for one in arrays] for arrays in (net.weights, net.biases)
        )
        self.feedback = {l: b[seed].copy() for l, b in net.feedback.items()}
        self.last = len(self.w)
        self.v, self.u = ([np.zeros((n, STREAMS)) for n in SIZES] for _ in "vu")

    def show(self, image: int) -> None:
        """An image, time step by time step; weights decay in the first."""
        rng, (x, targets) = generator(self.seed, "spikes", image), Images(None).arrays(image)
        target = np.repeat(targets[self.seed], DYNAMICS["population"], axis=-1).T
        for moment in range(STEPS):
            numbers = [rng.random((n, STREAMS)) for n in SIZES]
            spikes = self.forward(np.minimum(x[self.seed].T, 0.95), numbers)
            self.backward(spikes[-1] - target)
            self.change(spikes, (1 - ETA * DECAY) ** (STREAMS * STEPS) if moment == 0 else 1)

    def forward(self, rates, numbers) -> list:
        """Eq. (5): V_l = (1 - tau) V_l + tau (W_{l-1} S_{l-1} + b_{l-1}); spikes with sigma(V)."""
        spikes = [numbers[0] < rates]
        for l in range(1, self.last + 1):
            arriving = self.w[l - 1] @ spikes[-1] + self.b[l - 1][:, None]
            self.v[l] = (1 - TAU) * self.v[l] + TAU * arriving
            spikes.append(numbers[l] < sigmoid(self.v[l]))
        return spikes

    def psi(self, l: int):
        """sigma'(V_l)."""
        return sigmoid(self.v[l]) * (1 - sigmoid(self.v[l]))

    def backward(self, error) -> None:
        """Eq. (6) and (7): U_L from the error, U_l from phi_delta of what is above."""
        self.u[self.last] = (1 - TAU) * self.u[self.last] + TAU * error
        for l in range(self.last - 1, 0, -1):
            self.u[l] = (1 - TAU) * self.u[l] + TAU * self.arriving(l)

    def arriving(self, l: int):
        """What each rule sends to layer l."""
        above, error = self.phi_delta(self.u[l + 1]), self.phi_delta(self.u[self.last])
        if self.rule == "fa":
            return self.feedback[l] @ above
        if self.rule == "kolen_pollack":
            return self.feedback[l] @ (self.psi(l + 1) * above)
        if self.rule == "bp":
            return self.w[l].T @ (self.psi(l + 1) * above)
        return self.feedback[l] @ error if self.rule == "dfa" else 0

    def change(self, spikes, keep: float) -> None:
        """Eq. (8): W_l -= eta phi_delta(U_{l+1}) sigma'(V_{l+1}) S_l^T; Kolen-Pollack B_l alike."""
        for l in range(self.last):
            if self.rule == "shallow" and l < self.last - 1:
                continue
            d = self.phi_delta(self.u[l + 1]) * self.psi(l + 1)
            self.w[l] = keep * self.w[l] - ETA * d @ spikes[l].T
            self.b[l] = self.b[l] - ETA * d.sum(axis=1)
            if l and self.rule == "kolen_pollack":
                self.feedback[l] = keep * self.feedback[l] - ETA * spikes[l] @ d.T

    def arrays(self) -> dict[str, np.ndarray]:
        """As `everything`, with this project's signs."""
        found = {f"B{l}": b for l, b in self.feedback.items()}
        for l in range(self.last):
            found |= {f"W{l}": self.w[l], f"b{l}": self.b[l]}
            found |= {f"V{l + 1}": self.v[l + 1].T, f"U{l + 1}": -self.u[l + 1].T}
        return found


@quick
@pytest.mark.parametrize("phi_delta", sorted(PHI_DELTA))
@pytest.mark.parametrize("rule", WRITTEN_OUT)
def test_equations_5_to_8(rule, phi_delta):
    """Parameters and potentials of all units after three images, with the same random numbers.

    Weight decay and several streams included.
    """
    ours = everything(trained(3, rule, phi_delta=phi_delta))
    for seed in (0, 1):
        paper = Paper(rule, seed, phi_delta)
        for image in range(3):
            paper.show(image)
        wanted = paper.arrays()
        assert ours.keys() == wanted.keys()
        for name, array in wanted.items():
            np.testing.assert_allclose(ours[name][seed], array, rtol=1e-9, atol=1e-12)


@quick
@pytest.mark.parametrize("rule", ["fa", "bp", "dfa", "kolen_pollack"])
def test_without_memory_and_noise_it_is_a_rate_network(rule, monkeypatch):
    """With tau = 1, activity for spikes and phi_delta(U) = U, as in a network of logistic units."""
    monkeypatch.setattr(spiking.SpikingNetwork, "spike", lambda self, rates, rngs: rates)
    monkeypatch.setitem(spiking.PHI_DELTA, "tanh", lambda xp, u: u)
    config, net, phase = made(rule, tau=1.0, steps_per_image=1, population=1)
    rate = build(config.model, net.backend, [0, 1])
    rate.feedback = net.feedback
    x = np.random.default_rng(1).random((2, STREAMS, SIZES[0])) * 0.9
    target = np.random.default_rng(2).random((2, STREAMS, SIZES[-1]))
    signals = next(net.present(Batch(x, target), 0)), rate.observe(x, target)
    for learner, seen in zip((net, rate), signals, strict=True):
        update(learner, seen, phase.deltas(learner, seen, {}), ETA)
    assert abs(net.weights[0] - made(rule)[1].weights[0]).max() > 1e-3
    for mine, wanted in zip(
        [*net.weights, *net.biases], [*rate.weights, *rate.biases], strict=True
    ):
        np.testing.assert_allclose(mine, wanted, rtol=1e-12, atol=1e-14)


@quick
@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("rule", ["fa", "bp", "kolen_pollack"])
def test_every_kind_of_layer_integrates(kind, rule):
    """On any layers the first time step's V_1 is tau (W_0 S_0 + b_0), and all parameters learn."""
    net = trained(2, rule, layers=layers_of(kind))
    before = everything(made(rule, layers=layers_of(kind))[1])
    for name, array in everything(net).items():
        fixed = name[0] == "B" and rule != "kolen_pollack"
        assert np.isfinite(array).all() and (array == before[name]).all() == fixed, name
    fresh, images = net.at_rest(STREAMS), Images(net.backend, (0, 1), 36, net.values)
    signals = next(fresh.present(images.batch(0), 0))
    wanted = TAU * net.drive(0, signals.activations[0])
    np.testing.assert_allclose(fresh.v[0], wanted, rtol=1e-12, atol=1e-15)


@quick
def test_potentials_live_on_when_the_image_changes():
    """After n steps of one image, (1 - tau)^n is left of what different first ones made of V_1."""
    _, net, _ = made()
    images, first = Images(net.backend), []
    for shown in (0, 7):
        some = net.at_rest(STREAMS)
        list(some.run(images.batch(shown), "spikes", 0, STEPS))
        before = some.v[0].copy()
        list(some.run(images.batch(1), "spikes", 1, STEPS))
        first.append((before, some.v[0]))
    (before, after), (other_before, other_after) = first
    assert abs(before - other_before).max() > 0.1
    left = (1 - TAU) ** STEPS * (before - other_before)
    np.testing.assert_allclose(after - other_after, left, atol=1e-14)


@quick
def test_streams_know_nothing_of_each_other():
    """Given the weights, another image in one stream changes no potential in the others."""
    _, net, phase = made()
    x, target = Images(net.backend).arrays(0)
    potentials = []
    for last in (x[:, -1], 1 - x[:, -1]):
        some, shown = net.at_rest(STREAMS), np.concatenate([x[:, :-1], last[:, None]], axis=1)
        for signals in some.run(Batch(shown, target), "spikes", 0, STEPS):
            phase.deltas(some, signals, {})
        potentials.append([*some.v, *some.u])
    for mine, other in zip(*potentials, strict=True):
        np.testing.assert_array_equal(mine[:, :-1], other[:, :-1])
    assert abs(potentials[0][0][:, -1] - potentials[1][0][:, -1]).max() > 0.1


@quick
@pytest.mark.parametrize("rule", ON_SPIKES)
def test_a_seed_alone_or_among_others(rule):
    """Bit for bit the same parameters and potentials."""
    together, alone = (everything(trained(3, rule, seeds=seeds)) for seeds in ((0, 1), (1,)))
    for name, one in alone.items():
        np.testing.assert_array_equal(together[name][1], one[0])


@quick
def test_a_test_is_without_plasticity_and_leaves_no_trace():
    """What is measured moves neither parameters nor potentials; a second look sees the same."""
    net = trained(2)
    before = {name: array.copy() for name, array in everything(net).items()}
    batch = Images(net.backend).batch(9)
    looks = [net.observer("heldout")(batch).activations[-1] for _ in range(2)]
    np.testing.assert_array_equal(*looks)
    for name, array in everything(net).items():
        np.testing.assert_array_equal(array, before[name])


@quick
def test_hidden_signals_of_a_test_settle_from_rest():
    """delta_l = phi_delta(tau * what arrives): feedback neurons that had no potential before."""
    net = trained(2)
    signals = net.observer("probe")(Images(net.backend).batch(9))
    arriving = np.linspace(-2, 2, 5) * np.ones((2, STREAMS, 5))
    np.testing.assert_allclose(signals.settle(1, arriving), np.tanh(TAU * arriving), rtol=1e-12)


@quick
def test_a_guess_counts_the_spikes_of_each_class():
    """Of six output units in populations of two, the class with most spikes."""
    _, net, _ = made()
    spikes = np.array([[[1.0, 1, 0, 1, 0, 0]]])
    np.testing.assert_array_equal(net.answer(spikes), [[[1, 0.5, 0]]])
    assert net.values == CLASSES


@quick
@pytest.mark.parametrize("form", sorted(spiking.PHI_DELTA))
def test_phi_delta_is_a_sigmoid_centred_on_0(form):
    """Odd, increasing and bounded: the very function of its name, the sign of U a convention."""
    u = np.linspace(-20, 20, 401)
    sent = spiking.PHI_DELTA[form](np, u)
    np.testing.assert_allclose(sent, PHI_DELTA[form](u), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sent, -sent[::-1], atol=1e-12)
    assert (np.diff(sent) >= 0).all() and sent[200] == 0 and abs(sent).max() <= 1


@quick
@pytest.mark.parametrize("rule", ["fa", "kolen_pollack"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_a_strict_namespace(dtype, rule):
    """Nothing of it is NumPy-only; rasters included."""
    nets = [trained(3, rule, backend=make(dtype)) for make in (NumpyBackend, StrictBackend)]
    mine, other = map(everything, nets)
    for name, array in mine.items():
        np.testing.assert_allclose(array, other[name], rtol=tolerance(dtype), atol=tolerance(dtype))

    class Held:
        def __init__(self, net):
            self.probe = Images(net.backend).batch(0)

    rasters = []
    for net in nets:
        phase = made(rule, backend=net.backend)[2]
        view = View(
            net, Held(net), lambda net, signals, phase=phase: phase.deltas(net, signals, {})
        )
        columns = METRICS["rasters"](view)
        rasters.append({name: net.backend.to_host(array) for name, array in columns.items()})
    assert rasters[0]["raster_1"].shape == (2, 3 * 50 * 5)
    assert rasters[0]["psp_2"].shape == rasters[0]["modulator_2"].shape == (2, 150)
    for name, array in rasters[0].items():
        close = {"rtol": tolerance(dtype), "atol": tolerance(dtype)}
        np.testing.assert_allclose(array, rasters[1][name], **close)


@quick
def test_potentials_never_fade_into_numbers_that_slow_products_down():
    """After 300 time steps without error, U and what it sends are normal numbers of float32."""
    _, net, _ = made(backend=NumpyBackend("float32"))
    for _ in range(300):
        sent = net.settle(3, np.zeros((2, STREAMS, SIZES[-1]), np.float32))
    assert sent.min() > np.finfo(np.float32).tiny


@quick
def test_rate_networks_are_not_affected():
    """A rate network's layers take what arrives as it is, and it has no state."""
    net = build(ModelConfig(sizes=[2, 2], options={}), NumpyBackend("float64"), [0])
    assert isinstance(net, Network) and net.state() == {} and net.updates == 1
    signals = net.observe(np.ones((1, 1, 2)), np.ones((1, 1, 2)))
    assert signals.settle(1, "as it is") == "as it is"


# ---- through the command -------------------------------------------------------------------------


def table_of(folder, name="metrics.csv") -> pd.DataFrame:
    """The one table below a folder."""
    (path,) = folder.rglob(name)
    return pd.read_csv(path)


@pytest.mark.parametrize("rule", ["fa", "kolen_pollack"])
def test_interrupted_and_resumed(fa_run, tmp_path, rule):
    """A run that was stopped and goes on ends with the very numbers of one that was not.

    Potentials are in its checkpoint, and B that learns.
    """
    words, source = [*TINY, f"rule={rule}", "record.audit=15"], tmp_path / "stopping.py"
    source.write_text(STOPPING)
    succeed(fa_run(*words, "outputs=whole"))
    stopped = fa_run(*words, "outputs=parts", FA_RULES=str(source))
    assert stopped.returncode != 0 and "the same command goes on from there" in stopped.stderr
    succeed(fa_run(*words, "outputs=parts"))
    for name in ("metrics.csv", "audit.npz"):
        (whole,), (parts,) = ((tmp_path / part).rglob(name) for part in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()


def test_an_audit_can_be_rederived(here, tmp_path):
    """record.audit=2: five time steps of ten streams, from what went in and the spikes' numbers."""
    eta, seed = 0.01, 3
    words = [f"seeds=[{seed}]", f"optimizer.learning_rate={eta}", "optimizer.weight_decay=0"]
    succeed(here(*TINY, *words, "record.audit=2"))
    (path,) = tmp_path.rglob("audit.npz")
    with np.load(path) as stored:
        audit = {name: array[0] for name, array in stored.items()}
    for k in range(2):
        wanted = five_steps(audit, k, eta, generator(seed, "spikes", k))
        for name, first in ARRAYS.items():
            for l, values in enumerate(wanted[name], start=first):
                found = audit[f"{k + 1}/{name}{l}"]
                np.testing.assert_allclose(found, values, rtol=0, atol=1e-12)


def five_steps(audit, k, eta, rng, tau=0.9) -> dict[str, list]:
    """What update k makes of the parameters and potentials that an audit holds."""
    given = {}
    for name, first in ARRAYS.items():
        given[name] = [audit[f"{k}/{name}{l + first}"] for l in range(3)]
    w, b, v, u = given.values()
    x, target = audit[f"{k}/x"], np.repeat(audit[f"{k}/target"], 2, axis=-1)
    for _ in range(5):
        h = [np.minimum(x, 0.95) > rng.random(x.T.shape).T]
        for l in range(3):
            v[l] = (1 - tau) * v[l] + tau * (h[l] @ w[l].T + b[l])
            h.append(sigmoid(v[l]) > rng.random(v[l].T.shape).T)
        arriving = target - h[3]
        for l in (2, 1, 0):
            u[l] = (1 - tau) * u[l] + tau * arriving
            d = np.tanh(u[l]) * sigmoid(v[l]) * (1 - sigmoid(v[l]))
            w[l] = w[l] + eta * d.T @ h[l]
            b[l] = b[l] + eta * d.sum(axis=0)
            arriving = np.tanh(u[l]) @ audit[f"{k}/B{l}"].T if l else None
    return given


@pytest.mark.parametrize("rule", WRITTEN_OUT)
def test_every_rule_runs_on_it(here, tmp_path, rule):
    """Metrics, rasters, and the modulatory signal wherever hidden layers have one."""
    succeed(here(*TINY, f"rule={rule}"))
    table = table_of(tmp_path)
    assert table["test_error"].between(0, 100).all() and table["step"].tolist() == [0, 10, 20]
    (path,) = tmp_path.rglob("arrays.npz")
    with np.load(path) as arrays:
        assert arrays["raster_3"].shape == (3, 1, 3 * 50 * 20) and arrays["raster_3"].dtype == bool
        assert 0.2 < arrays["raster_1"].mean() < 0.8 and arrays["psp_1"].std() > 0
        assert ("modulator_1" in arrays) == (rule != "shallow")


def test_it_learns(here, tmp_path):
    """Small images of digits are told apart much better than by chance after ten epochs."""
    words = (
        "model.sizes=[64,60,40,50] model.population=5 model.weight_scale=0.3 steps=1500 "
        "rule.feedback_scale=0.3 optimizer.learning_rate=0.02 record.every=1500 "
        "record.metrics=[test_error]"
    )
    succeed(here(*TINY, *words.split()))
    assert table_of(tmp_path)["test_error"].iloc[-1] < 40


def test_the_figure_is_drawn(here, tmp_path):
    """From a tiny run; without rasters the command that makes them is named."""
    for rule in ("fa", "bp"):
        succeed(here(*TINY, f"rule={rule}"))
    succeed(here("plot", "figure=fig4", "format=svg"))
    text = (tmp_path / "outputs" / "figures" / "fig4.svg").read_text()
    assert text.count("<image") == 3
    for word, folder in (("record.metrics=[test_error]", "bare"), ("rule=shallow", "silent")):
        succeed(here(*TINY, word, f"outputs={folder}"))
        done = here("plot", "figure=fig4", f"results={folder}")
        told(done, f"type `fa-run experiment=fig4_spiking outputs={folder}`")


@quick
def test_the_figure_of_a_seed_that_diverged(tmp_path):
    """Its last moment is the last that it has; another seed's are not shown in its place."""
    columns = {"seed": [7, 7, 3, 3, 3], "examples": [0, 1, 0, 1, 2]}
    metrics = pd.DataFrame(columns | {"test_error": [90, 80, 90, 10, 5.0]})
    run = Run(tmp_path, {}, metrics, {})
    assert moments(run) == (0, 1, 1)
    assert moments(run._replace(metrics=metrics[metrics["seed"] == 3])) == (0, 1, 2)


def test_only_rasters_measured(here, tmp_path):
    """A run without any column of numbers ends well; a target's values are no populations."""
    words = "record.metrics=[rasters,jacobian] dataset=linear_expected model.sizes=[10,8,6,20]"
    succeed(here(*TINY, *words.split()))
    (path,) = tmp_path.rglob("arrays.npz")
    with np.load(path) as arrays:
        assert "raster_1" in arrays and "jacobian" not in arrays


def test_read_outs_of_classes_alone(here, tmp_path):
    """An autoencoder's outputs name no class: the run has no such column."""
    words = "dataset.targets=input model.sizes=[64,10,128] steps=10 record.metrics=[loss,readouts]"
    succeed(here(*TINY, *words.split()))
    assert [*table_of(tmp_path)][5:] == ["loss"]


@needs_mnist
def test_fig4_starts_on_mnist(here, tmp_path):
    """The paper's network takes a few steps on the real images."""
    words = "experiment=fig4_spiking steps=2 seeds=1 model.streams=10 record.metrics=[weight_norm]"
    succeed(here(*words.split()))
    assert table_of(tmp_path)["examples"].tolist() == [0, 20]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.tau=1.5", "model.tau=1.5: expected a number above 0, up to 1"),
        ("model.tau=0", "model.tau=0: expected a number above 0"),
        ("model.population=0", "model.population=0: expected a whole number of at least 1"),
        ("batch_size=7", "type model.streams=7"),
        (
            "model.population=3",
            "model.population=3: expected a number that divides the 20 output units",
        ),
        ("model.population=4", "type model.sizes=[64,...,40]"),
        ("model.phi_delta=relu", "choose from: logistic, bipolar, tanh"),
        ("model.dropout=0.5", "type model.dropout=0"),
        ("model.dropout=[0,0.5]", "type model.dropout=0"),
        ("model.hidden=tanh", "leave model.hidden and model.output as they are"),
        ("rule=node_perturbation", "type rule=fa, bp, dfa or shallow"),
        ("dataset.standardize=none", "type dataset.standardize=unit"),
        ("record.examples=2", "there are 2: type record.examples=3"),
        ("model.taux=1", "no key is called model.taux"),
    ],
)
def test_mistakes_are_told_in_one_line(here, word, said):
    """What was wrong and what to type."""
    told(here(*TINY, word), said)
