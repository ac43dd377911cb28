"""Every registered kind of layer does what a layer must: linear, transposed, with its gradient."""

import numpy as np
import pytest
from helpers import batch, deltas, layers_of, network
from scipy.signal import correlate

from fa_cli.backend import NumpyBackend
from fa_cli.errors import UserError
from fa_cli.layers import LAYERS, build_layers
from fa_cli.layers.conv import Conv
from fa_cli.layers.grid import Grid
from fa_cli.layers.local import Local
from fa_cli.optimizer import update
from fa_cli.units import ACTIVATIONS

pytestmark = pytest.mark.quick
KINDS = sorted(LAYERS)
BACKEND = NumpyBackend("float64")
GRID = Grid(channels=2, height=5, width=4, field=3)
EXACT = sorted(name for name, unit in ACTIVATIONS.items() if unit.exact)


def arrays(layer, seed=0, seeds=2, count=3):
    """Random w, h and d of a layer."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((seeds, *layer.shape))
    h, d = (rng.standard_normal((seeds, count, n)) for n in (layer.inputs, layer.outputs))
    return w, h, d


@pytest.fixture(params=KINDS)
def layer(request):
    """The second layer of a small network of this kind."""
    return build_layers("model.layers", layers_of(request.param))[1]


def inner(a, b) -> np.ndarray:
    """Sum of the products of all elements, for each seed."""
    return (a * b).sum(axis=tuple(range(1, a.ndim)))


def test_it_is_linear_in_its_weights_and_inputs(layer):
    """Twice the weights or the inputs, twice the outcome; seeds and examples do not mix."""
    w, h, _ = arrays(layer)
    a = layer.forward(BACKEND, w, h)
    assert a.shape == (2, 3, layer.outputs)
    np.testing.assert_allclose(layer.forward(BACKEND, 2 * w, h), 2 * a, rtol=1e-12)
    np.testing.assert_allclose(layer.forward(BACKEND, w, 2 * h), 2 * a, rtol=1e-12)
    alone = layer.forward(BACKEND, w[1:], h[1:, 2:])
    np.testing.assert_allclose(alone, a[1:, 2:], rtol=1e-12, atol=1e-14)
    shared = layer.forward(BACKEND, w, h[:1])  # inputs that the seeds share
    np.testing.assert_allclose(shared[1:], layer.forward(BACKEND, w[1:], h[:1]), rtol=1e-12)


def test_back_through_its_own_weights_is_the_transpose(layer):
    """<W h, d> = <h, W^T d>."""
    w, h, d = arrays(layer)
    forth = inner(layer.forward(BACKEND, w, h), d)
    back = inner(h, layer.back(BACKEND, layer.reverse(w), d))
    np.testing.assert_allclose(forth, back, rtol=1e-11)
    assert layer.reverse(w).shape[1:] == layer.reverse_shape
    assert np.shares_memory(layer.reverse(w), w)


@pytest.mark.parametrize("shared", [False, True])
def test_the_update_is_the_derivative_by_the_weights(layer, shared):
    """Of w = keep w + rate * change, <change, v> = <V h, d> for any v: outer products, summed."""
    w, h, d = arrays(layer)
    v = arrays(layer, seed=1)[0]
    if shared:
        h = h[:1]
    moved = w.copy()
    layer.accumulate(BACKEND, moved, d, h, 0.1, 0.7)
    change = (moved - 0.7 * w) / 0.1
    np.testing.assert_allclose(inner(change, v), inner(layer.forward(BACKEND, v, h), d), rtol=1e-10)


def test_feedback_learns_as_its_transpose(layer):
    """accumulate_reverse changes B as accumulate changes W, in B's form."""
    w, h, d = arrays(layer)
    b = layer.reverse(w).copy()
    layer.accumulate(BACKEND, w, d, h, 0.1, 0.7)
    layer.accumulate_reverse(BACKEND, b, d, h, 0.1, 0.7)
    np.testing.assert_allclose(b, layer.reverse(w), rtol=1e-11, atol=1e-13)


def test_biases(layer):
    """<offset(b), d> = <b, offset_change(d)>, summed over the batch."""
    _, _, d = arrays(layer)
    b = np.random.default_rng(3).standard_normal((2, layer.biases))
    offset = layer.offset(BACKEND, b)
    assert offset.shape == (2, 1, layer.outputs)
    np.testing.assert_allclose(inner(offset * np.ones_like(d), d), inner(b, layer.offset_change(d)))


def test_its_cost_is_that_of_its_synapses(layer):
    """Multiply-adds of an example: those of the matrix that the layer is, less its zeros."""
    w = np.ones((1, *layer.shape))
    whole = layer.forward(BACKEND, w, np.eye(layer.inputs)[None])[0]
    assert layer.products == np.count_nonzero(whole)


def rows_of(layer, w) -> np.ndarray:
    """A local or conv layer as a dense matrix, element by element, (n_{l+1}, n_l)."""
    grid, tied = layer.grid, isinstance(layer, Conv)
    matrix = np.zeros((layer.outputs, layer.inputs))
    image = np.arange(layer.inputs).reshape(grid.channels, grid.height, grid.width)
    for m in range(layer.maps):
        for place in range(grid.places):
            i, j = divmod(place, grid.columns)
            seen = image[:, i : i + grid.field, j : j + grid.field].ravel()
            unit = m * grid.places + place
            matrix[unit, seen] = w[m if tied else unit]
    return matrix


@pytest.mark.parametrize("layer", [Local(GRID, 3), Conv(GRID, 3)], ids=["local", "conv"])
def test_receptive_fields_are_a_dense_layer_with_absent_synapses(layer):
    """Written out unit by unit, maps x places: a window of the image, and its transpose."""
    w, h, d = arrays(layer)
    for s in range(2):
        matrix = rows_of(layer, w[s])
        np.testing.assert_allclose(layer.forward(BACKEND, w, h)[s], h[s] @ matrix.T, rtol=1e-11)
        np.testing.assert_allclose(layer.back(BACKEND, w, d)[s], d[s] @ matrix, rtol=1e-11)


def test_convolution_is_scipys():
    """Each map is the correlation of the image with its field, over all channels."""
    layer = Conv(GRID, 3)
    w, h, _ = arrays(layer)
    a = layer.forward(BACKEND, w, h).reshape(2, 3, 3, GRID.rows, GRID.columns)
    image = h[1, 2].reshape(2, 5, 4)
    for m in range(3):
        field = w[1, m].reshape(2, 3, 3)
        np.testing.assert_allclose(a[1, 2, m], correlate(image, field, "valid")[0], rtol=1e-11)


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("activation", EXACT)
@pytest.mark.parametrize("kind", KINDS)
def test_backprop_is_the_downhill_gradient_of_the_loss(kind, activation, biases):
    """Along random directions backprop's update is minus the difference of the loss, to 1e-7."""
    net = network(layers_of(kind), "bp", hidden=activation, output=activation, biases=biases)
    check_gradient(net)


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (5, 4, 6, 4, 3)])
@pytest.mark.parametrize("activation", EXACT)
def test_backprop_at_any_depth(activation, sizes):
    """The same for dense networks of one, two and four layers of weights."""
    check_gradient(network(sizes, "bp", hidden=activation, output=activation))


def check_gradient(net) -> None:
    """The update at eta = 1 against a central difference of fourth order."""
    signals, rng, size = batch(net), np.random.default_rng(3), 1e-5
    arrays = [array for name, array in net.parameters().items() if name[0] in "Wb"]
    start = [array.copy() for array in arrays]
    way = [rng.standard_normal(array.shape) for array in arrays]
    update(net, signals, deltas("bp", net, signals), 1.0)
    steps = [array - old for array, old in zip(arrays, start, strict=True)]
    analytic = sum(inner(step, v) for step, v in zip(steps, way, strict=True))

    def loss_at(distance: float) -> np.ndarray:
        for array, old, v in zip(arrays, start, way, strict=True):
            array[...] = old + distance * v
        y = net.forward(signals.activations[0])[-1]
        return ((signals.target - y) ** 2).sum(axis=(1, 2)) / 2

    near, far = (loss_at(k * size) - loss_at(-k * size) for k in (1, 2))
    np.testing.assert_allclose(-(8 * near - far) / (12 * size), analytic, rtol=1e-7)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([[1, 6, 6]], "at least two layers"),
        ([[1, 6], 3], "an image as [channels,height,width]"),
        ([[1, 6, 0], 3], "an image as [channels,height,width]"),
        ([[1, 6, 6], {"kind": "locl"}], "no kind of layer is called 'locl'"),
        ([[1, 6, 6], {"maps": 3}], "no kind of layer is called None"),
        ([[1, 6, 6], {"kind": "local", "maps": 3}], "needs model.layers[1].field"),
        ([[1, 6, 6], {"kind": "local", "maps": 0, "field": 3}], "whole number of at least 1"),
        ([[1, 6, 6], {"kind": "local", "maps": 3, "field": 7}], "does not fit into 6 x 6"),
        ([[1, 6, 6], {"kind": "local", "maps": 3, "field": 3, "stride": 2}], "no key is called"),
        ([36, {"kind": "conv", "maps": 3, "field": 3}], "needs an image below it"),
        ([[1, 6, 6], -4], "whole number of at least 1"),
        ([[1, 6, 6], "many"], "expected a number of units"),
        ("local", "at least two layers"),
    ],
)
def test_mistakes_in_a_list_of_layers(layers, said):
    """What was wrong, in one line."""
    with pytest.raises(UserError) as error:
        build_layers("model.layers", layers)
    assert said in str(error.value)


def test_a_plain_list_of_sizes_is_a_dense_network():
    """`model.layers` and `model.sizes` of the same numbers are the same network."""
    mine, other = build_layers("model.layers", [36, 5, 4]), network((36, 5, 4)).layers
    assert list(mine) == list(other)
