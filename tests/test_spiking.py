"""The network of Fig. 4, against eq. (5)-(8) of the paper written out unit by unit, and what follows from them."""

import numpy as np
import pandas as pd
import pytest
from conftest import needs_mnist, tolerance
from strict import StrictBackend

from fa_cli import record, spiking
from fa_cli.backend import Backend, NumpyBackend
from fa_cli.data import Batch
from fa_cli.figures.fig4 import moments
from fa_cli.network import Network, build, build_feedback, observe
from fa_cli.optimizer import update
from fa_cli.rules import RULES, load_rules
from fa_cli.schema import ModelConfig, OptimizerConfig, RuleConfig, RunConfig
from fa_cli.streams import generator
from fa_cli.train import Phase, learn

load_rules()
SIZES, STREAMS, CLASSES, STEPS = (6, 5, 4, 6), 3, 3, 4
DYNAMICS = {
    "tau": 0.7,
    "steps_per_image": STEPS,
    "rate_cap": 0.95,
    "population": 2,
    "streams": STREAMS,
    "phi_delta": "tanh",
}
OPTIONS = {"fa": {"derivative": "local"}, "dfa": {"derivative": "local"}}
TINY = (
    "experiment=fig4_spiking", "dataset=digits", "model.sizes=[64,20,15,20]", "model.population=2", "model.streams=10", "epochs=null",
    "steps=20", "record.every=10", "dtype=float64", "optimizer.schedule=[]",
)  # fmt: skip


ARRAYS = {"W": 0, "b": 0, "V": 1, "U": 1}  # of an audit, with the number of the first

STOPPING = """
from signal import SIGINT
from fa_cli.record import Recorder

def must_save(recorder):
    recorder.progress.interrupted = SIGINT if recorder.rows["step"][-1] == 10 else None
    return recorder.progress.interrupted

Recorder.must_save = must_save
"""


class Images:
    """Random images in 0..1, an endless row of batches."""

    steps_per_epoch = None

    def __init__(self, backend: Backend, seeds=(0, 1), streams=STREAMS):
        self.backend, self.seeds, self.streams = backend, list(seeds), streams

    def arrays(self, step):
        rngs = [np.random.default_rng([seed, step]) for seed in self.seeds]
        x = np.stack([rng.random((self.streams, SIZES[0])) for rng in rngs])
        return x, np.stack(
            [np.eye(CLASSES)[rng.integers(CLASSES, size=self.streams)] for rng in rngs]
        )

    def batch(self, step, steps=1, seeds=slice(None)):
        return Batch(*(self.backend.to_device(array[seeds]) for array in self.arrays(step)))


def made(rule="fa", backend=None, seeds=(0, 1), **changed):
    """A config, its network at rest, and a phase of the rule."""
    backend = backend or NumpyBackend("float64")
    model = ModelConfig(
        name="spiking", sizes=list(SIZES), hidden="logistic", output="logistic", biases=True, bias_scale=0.3, weight_scale=1.0,
        options=DYNAMICS | changed,
    )  # fmt: skip
    config = RunConfig(
        model=model,
        rule=RuleConfig(name=rule, feedback_scale=0.8, options=OPTIONS.get(rule, {})),
        optimizer=OptimizerConfig(learning_rate=0.3, weight_decay=0.01),
        batch_size=STREAMS,
    )
    net = spiking.build_spiking(model, backend, list(seeds))
    net.feedback = build_feedback(config.rule, RULES[rule].feedback(SIZES), backend, list(seeds))
    return config, net, Phase(RULES[rule], config.rule.options, net.feedback, frozenset(), 0, 10**6)


def trained(steps, rule="fa", backend=None, seeds=(0, 1), **changed):
    """The network after some images, and its host arrays."""
    config, net, phase = made(rule, backend, seeds, **changed)
    for step in range(steps):
        learn(config, net, Images(net.backend, seeds), phase, None, None, range(step, step + 1))
    return net, [
        net.backend.to_host(array) for array in [*net.weights, *net.biases, *net.v, *net.u]
    ]


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def literal(rule, steps, seed, eta=0.3, decay=0.01):
    """Eq. (5)-(8) for one seed, unit by unit, with the signs of the paper: U is spikes minus target, updates are subtracted."""
    _, net, _ = made(rule)
    w, b = [weights[seed] for weights in net.weights], [biases[seed] for biases in net.biases]
    feedback = {l: matrix[seed] for l, matrix in net.feedback.items()}
    tau, last = DYNAMICS["tau"], len(w)
    v = [np.zeros((size, STREAMS)) for size in SIZES]
    u = [np.zeros((size, STREAMS)) for size in SIZES]
    for image in range(steps):
        rng, (xs, targets) = generator(seed, "spikes", image), Images(None).arrays(image)
        for moment in range(STEPS):
            numbers = [rng.random((size, STREAMS)) for size in SIZES]
            change_w, change_b = (
                [np.zeros_like(weights) for weights in w],
                [np.zeros_like(biases) for biases in b],
            )
            for k in range(STREAMS):
                spikes = [
                    [float(numbers[0][i, k] < min(xs[seed, k, i], 0.95)) for i in range(SIZES[0])]
                ]
                for l in range(1, last + 1):
                    for j in range(SIZES[l]):
                        total = (
                            sum(w[l - 1][j, i] * spikes[l - 1][i] for i in range(SIZES[l - 1]))
                            + b[l - 1][j]
                        )
                        v[l][j, k] = (1 - tau) * v[l][j, k] + tau * total
                    spikes.append(
                        [float(numbers[l][j, k] < sigmoid(v[l][j, k])) for j in range(SIZES[l])]
                    )
                psi = [
                    [sigmoid(v[l][j, k]) * (1 - sigmoid(v[l][j, k])) for j in range(SIZES[l])]
                    for l in range(last + 1)
                ]
                for j in range(SIZES[last]):
                    target = targets[seed, k, j // DYNAMICS["population"]]
                    u[last][j, k] = (1 - tau) * u[last][j, k] + tau * (spikes[last][j] - target)
                for l in range(last - 1, 0, -1):
                    for j in range(SIZES[l]):
                        if rule == "fa":
                            arriving = sum(
                                feedback[l][j, m] * np.tanh(u[l + 1][m, k])
                                for m in range(SIZES[l + 1])
                            )
                        elif rule == "bp":
                            arriving = sum(
                                w[l][m, j] * psi[l + 1][m] * np.tanh(u[l + 1][m, k])
                                for m in range(SIZES[l + 1])
                            )
                        elif rule == "dfa":
                            arriving = sum(
                                feedback[l][j, m] * np.tanh(u[last][m, k])
                                for m in range(SIZES[last])
                            )
                        else:
                            arriving = 0
                        u[l][j, k] = (1 - tau) * u[l][j, k] + tau * arriving
                for l in range(last):
                    if rule == "shallow" and l < last - 1:
                        continue
                    for j in range(SIZES[l + 1]):
                        for i in range(SIZES[l]):
                            change_w[l][j, i] += (
                                np.tanh(u[l + 1][j, k]) * spikes[l][i] * psi[l + 1][j]
                            )
                        change_b[l][j] += np.tanh(u[l + 1][j, k]) * psi[l + 1][j]
            for l in range(last):
                if moment == 0 and (rule != "shallow" or l == last - 1):
                    w[l] *= (1 - eta * decay) ** (STREAMS * STEPS)
                w[l] -= eta * change_w[l]
                b[l] -= eta * change_b[l]
    return [*w, *b, *(array.T for array in v[1:]), *(-array.T for array in u[1:])]


@pytest.mark.parametrize("rule", ["fa", "bp", "dfa", "shallow"])
def test_equations_5_to_8(rule):
    """Parameters and potentials of all units after three images, with the same random numbers, weight decay and several streams."""
    _, ours = trained(3, rule)
    for seed in (0, 1):
        for mine, wanted in zip(ours, literal(rule, 3, seed), strict=True):
            np.testing.assert_allclose(mine[seed], wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", ["fa", "bp", "dfa"])
def test_without_memory_and_noise_it_is_a_rate_network(rule, monkeypatch):
    """With tau = 1, activity in place of spikes and phi_delta(U) = U, the update is the rule's for a network of logistic units."""
    monkeypatch.setattr(spiking.SpikingNetwork, "spike", lambda self, rates, rngs: rates)
    monkeypatch.setitem(spiking.PHI_DELTA, "tanh", lambda xp, u: u)
    config, net, phase = made(rule, tau=1.0, steps_per_image=1, population=1)
    config.optimizer.weight_decay = 0.0
    rate = build(config.model, net.backend, [0, 1])
    rate.feedback = net.feedback
    x = np.random.default_rng(1).random((2, STREAMS, SIZES[0])) * 0.9
    target = np.random.default_rng(2).random((2, STREAMS, SIZES[-1]))
    for signals, learner in (
        (next(net.present(Batch(x, target), 0)), net),
        (observe(rate, x, target), rate),
    ):
        update(learner, signals, phase.deltas(learner, signals, {}), 0.3)
    assert abs(net.weights[0] - made(rule)[1].weights[0]).max() > 1e-3
    for mine, wanted in zip(
        [*net.weights, *net.biases], [*rate.weights, *rate.biases], strict=True
    ):
        np.testing.assert_allclose(mine, wanted, rtol=1e-12, atol=1e-14)


def test_potentials_live_on_when_the_image_changes():
    """After n time steps of the same second image, (1 - tau)^n is left of what different first images made of V_1."""
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
    np.testing.assert_allclose(
        after - other_after, (1 - DYNAMICS["tau"]) ** STEPS * (before - other_before), atol=1e-14
    )


def test_streams_know_nothing_of_each_other():
    """Given the weights, another image in one stream changes no potential and no signal in the others."""
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


def test_a_seed_alone_or_among_others():
    """Bit for bit the same parameters and potentials."""
    together, alone = trained(3, seeds=(0, 1))[1], trained(3, seeds=(1,))[1]
    for many, one in zip(together, alone, strict=True):
        np.testing.assert_array_equal(many[1], one[0])


def test_a_test_is_without_plasticity_and_leaves_no_trace():
    """What is measured moves neither parameters nor potentials, and a second look at the same images sees the same."""
    net, before = trained(2)
    before = [array.copy() for array in before]
    batch = Images(net.backend).batch(9)
    looks = [net.observer("heldout")(batch).activations[-1] for _ in range(2)]
    np.testing.assert_array_equal(*looks)
    for array, old in zip([*net.weights, *net.biases, *net.v, *net.u], before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_a_guess_counts_the_spikes_of_each_class():
    """Of six output units in populations of two, the class with most spikes."""
    _, net, _ = made()
    np.testing.assert_array_equal(net.answer(np.array([[[1.0, 1, 0, 1, 0, 0]]])), [[[1, 0.5, 0]]])


@pytest.mark.parametrize("form", spiking.PHI_DELTA)
def test_phi_delta_is_a_sigmoid_centred_on_0(form):
    """Odd, increasing and bounded, so that the sign of U is a matter of convention."""
    u = np.linspace(-20, 20, 401)
    sent = spiking.PHI_DELTA[form](np, u)
    np.testing.assert_allclose(sent, -sent[::-1], atol=1e-12)
    assert (np.diff(sent) >= 0).all() and sent[200] == 0 and abs(sent).max() <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_a_strict_namespace(dtype):
    """Nothing of it is NumPy-only; rasters included."""
    mine, other = (
        trained(3, backend=backend) for backend in (NumpyBackend(dtype), StrictBackend(dtype))
    )
    for array, same in zip(mine[1], other[1], strict=True):
        np.testing.assert_allclose(array, same, rtol=tolerance(dtype), atol=tolerance(dtype))

    class Held:
        def __init__(self, net):
            self.probe = Images(net.backend).batch(0)

    rasters = []
    for net, _ in (mine, other):
        phase = made(backend=net.backend)[2]
        view = spiking.View(
            net, Held(net), lambda net, signals, phase=phase: phase.deltas(net, signals, {})
        )
        rasters.append(
            {name: net.backend.to_host(array) for name, array in spiking.rasters(view).items()}
        )
    assert rasters[0]["raster_1"].shape == (2, 3 * 50 * 5) and rasters[0]["psp_2"].shape == rasters[
        0
    ]["modulator_2"].shape == (2, 150)
    for name in rasters[0]:
        np.testing.assert_allclose(
            rasters[0][name], rasters[1][name], rtol=tolerance(dtype), atol=tolerance(dtype)
        )


def test_potentials_never_fade_into_numbers_that_slow_products_down():
    """After 300 time steps without any error, U and what it sends are still normal numbers of float32."""
    _, net, _ = made(backend=NumpyBackend("float32"))
    for _ in range(300):
        sent = net.settle(3, np.zeros((2, STREAMS, SIZES[-1]), np.float32))
    assert sent.min() > np.finfo(np.float32).tiny


def test_rates_networks_are_not_affected():
    """A rate network's layers take what arrives as it is, and it has no state."""
    net = build(ModelConfig(sizes=[2, 2], options={}), NumpyBackend("float64"), [0])
    assert isinstance(net, Network) and net.state() == {} and net.updates == 1
    assert observe(net, np.ones((1, 1, 2)), np.ones((1, 1, 2))).settle(1, "as it is") == "as it is"


# ---- through the command ----------------------------------------------------------------------------------------------------


def test_interrupted_and_resumed(fa_run, tmp_path):
    """A run that was stopped and goes on ends with the very numbers of one that was not: potentials are in its checkpoint."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert fa_run(*TINY, "outputs=whole").returncode == 0
    source = tmp_path / "stopping.py"
    source.write_text(STOPPING)
    stopped = fa_run(*TINY, "outputs=parts", FA_RULES=str(source))
    assert stopped.returncode != 0 and "the same command goes on from there" in stopped.stderr
    assert fa_run(*TINY, "outputs=parts").returncode == 0
    tables = [pd.read_csv(next(folder.rglob("metrics.csv"))) for folder in (whole, parts)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_an_audit_can_be_rederived(fa_run, tmp_path):
    """record.audit=2: five time steps of ten streams, recomputed from what went in and the numbers of the stream `spikes`."""
    eta, tau, seed = 0.01, 0.9, 3
    done = fa_run(
        *TINY,
        "record.audit=2",
        f"seeds=[{seed}]",
        f"optimizer.learning_rate={eta}",
        "optimizer.weight_decay=0",
    )
    assert done.returncode == 0, done.stderr
    with np.load(next(tmp_path.rglob("audit.npz"))) as audit:
        for k in range(2):
            w, b, v, u = (
                [audit[f"{k}/{name}{l + first}"][0] for l in range(3)]
                for name, first in ARRAYS.items()
            )
            x, target = audit[f"{k}/x"][0], np.repeat(audit[f"{k}/target"][0], 2, axis=-1)
            feedback, rng = [audit[f"{k}/B{l}"][0] for l in (1, 2)], generator(seed, "spikes", k)
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
                    arriving = np.tanh(u[l]) @ feedback[l - 1].T if l else None
            for (name, first), wanted in zip(ARRAYS.items(), (w, b, v, u), strict=True):
                for l, values in enumerate(wanted, start=first):
                    np.testing.assert_allclose(
                        audit[f"{k + 1}/{name}{l}"][0], values, rtol=0, atol=1e-12
                    )


@pytest.mark.parametrize("rule", ["fa", "bp", "dfa", "shallow"])
def test_every_rule_runs_on_it(fa_run, tmp_path, rule):
    """Metrics, rasters, and the modulatory signal wherever hidden layers have one."""
    done = fa_run(*TINY, f"rule={rule}")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(next(tmp_path.rglob("metrics.csv")))
    assert table["test_error"].between(0, 100).all() and table["step"].tolist() == [0, 10, 20]
    with np.load(next(tmp_path.rglob("arrays.npz"))) as arrays:
        assert arrays["raster_3"].shape == (3, 1, 3 * 50 * 20) and arrays["raster_3"].dtype == bool
        assert 0.2 < arrays["raster_1"].mean() < 0.8 and arrays["psp_1"].std() > 0
        assert ("modulator_1" in arrays) == (rule != "shallow")


def test_it_learns(fa_run, tmp_path):
    """Small images of digits are told apart much better than by chance after ten epochs."""
    small = (
        "model.sizes=[64,60,40,50]",
        "model.population=5",
        "model.weight_scale=0.3",
        "rule.feedback_scale=0.3",
    )
    done = fa_run(
        *TINY,
        *small,
        "optimizer.learning_rate=0.02",
        "steps=1500",
        "record.every=1500",
        "record.metrics=[test_error]",
    )
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(next(tmp_path.rglob("metrics.csv")))["test_error"].iloc[-1] < 40


def test_the_figure_is_drawn(fa_run, tmp_path):
    """From a tiny run, with a learning curve of two rules; without rasters the command that makes them is named."""
    for rule in ("fa", "bp"):
        assert fa_run(*TINY, f"rule={rule}").returncode == 0
    done = fa_run("plot", "figure=fig4", "format=svg")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "outputs" / "figures" / "fig4.svg").read_text()
    assert text.count("<image") == 3
    for word, folder in (("record.metrics=[test_error]", "bare"), ("rule=shallow", "silent")):
        assert fa_run(*TINY, word, f"outputs={folder}").returncode == 0
        done = fa_run("plot", "figure=fig4", f"results={folder}")
        assert (
            done.returncode != 0
            and "type `fa-run experiment=fig4_spiking`" in done.stderr
            and done.stderr.count("\n") == 1
        )


def test_the_figure_of_a_seed_that_diverged(tmp_path):
    """Its last moment is the last that it has; another seed's are not shown in its place."""
    run = record.Run(
        tmp_path,
        {},
        pd.DataFrame(
            {
                "seed": [7, 7, 3, 3, 3],
                "examples": [0, 1, 0, 1, 2],
                "test_error": [90, 80, 90, 10, 5.0],
            }
        ),
        {},
    )
    assert moments(run) == (0, 1, 1)
    assert moments(run._replace(metrics=run.metrics[run.metrics["seed"] == 3])) == (0, 1, 2)


def test_only_rasters_measured(fa_run, tmp_path):
    """A run without any column of numbers ends well, and a target's values are counted apart from their populations."""
    done = fa_run(
        *TINY,
        "record.metrics=[rasters,jacobian]",
        "dataset=linear_expected",
        "model.sizes=[10,8,6,20]",
    )
    assert done.returncode == 0, done.stderr
    with np.load(next(tmp_path.rglob("arrays.npz"))) as arrays:
        assert "raster_1" in arrays and "jacobian" not in arrays


@needs_mnist
def test_fig4_starts_on_mnist(fa_run, tmp_path):
    """The paper's network takes a few steps on the real images."""
    done = fa_run(
        "experiment=fig4_spiking", "steps=2", "model.streams=10", "record.metrics=[weight_norm]"
    )
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(next(tmp_path.rglob("metrics.csv")))["examples"].tolist() == [0, 20]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.tau=1.5"], "model.tau=1.5: expected a number above 0, up to 1"),
        (["model.tau=0"], "model.tau=0: expected a number above 0"),
        (["model.population=0"], "model.population=0: expected a whole number of at least 1"),
        (["batch_size=7"], "type model.streams=7"),
        (["model.population=3"], "model.population=3: does not divide the 20 output units"),
        (["model.population=4"], "type model.sizes=[64,...,40]"),
        (["model.phi_delta=relu"], "choose from: logistic, bipolar, tanh"),
        (["model.hidden=tanh"], "leave model.hidden and model.output as they are"),
        (["rule=node_perturbation"], "type rule=fa, bp, dfa or shallow"),
        (["dataset.standardize=none"], "type dataset.standardize=unit"),
        (
            ["record.examples=2"],
            "rasters show 3 held-out images, there are 2: raise record.examples",
        ),
        (["model.taux=1"], "no key is called model.taux"),
    ],
)
def test_mistakes_are_told_in_one_line(fa_run, words, said):
    """What was wrong and what to type."""
    done = fa_run(*TINY, *words)
    assert (
        done.returncode != 0 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1
    ), done.stderr
