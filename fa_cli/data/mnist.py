"""MNIST, the real one: 60,000 + 10,000 images of 28 x 28 pixels (LeCun et al. 1998)."""

from fa_cli.data import Files, Setting
from fa_cli.data.fetch import MNIST, fetched
from fa_cli.data.images import images


@images("mnist")
def mnist(setting: Setting) -> Files:
    """Handwritten digits. Paper, Methods, "MNIST data set" and Supp. Note 5."""
    return fetched(MNIST, setting)
