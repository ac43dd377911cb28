"""Fashion-MNIST: 60,000 + 10,000 pictures of clothes in the format of MNIST (Xiao et al. 2017)."""

from fa_cli.data import Files, Setting
from fa_cli.data.fetch import Source, fetched
from fa_cli.data.images import images

CHECKSUMS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
MIRRORS = ("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",)
FASHION_MNIST = Source(
    "fashion_mnist",
    CHECKSUMS,
    MIRRORS,
    "FashionMNIST",
    debian="dataset-fashion-mnist",
)


@images("fashion_mnist", fetched=FASHION_MNIST)
def fashion_mnist(setting: Setting) -> Files:
    """H. Xiao, K. Rasul & R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017. Not in the paper."""
    return fetched(FASHION_MNIST, setting)
