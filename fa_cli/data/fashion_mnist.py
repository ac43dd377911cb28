"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in the format of MNIST (Xiao et al. 2017)."""

from fa_cli.data import Files, Setting
from fa_cli.data.fetch import FASHION_MNIST, fetched
from fa_cli.data.images import images


@images("fashion_mnist")
def fashion_mnist(setting: Setting) -> Files:
    """H. Xiao, K. Rasul & R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017. Not in the paper."""
    return fetched(FASHION_MNIST, setting)
