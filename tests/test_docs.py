"""The documentation cannot rot: its commands run, its links lead somewhere, its tables are made."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hydra
import pandas as pd
import pytest
from helpers import run_command, run_here, succeed

from fa_cli import cli, composing, reference

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
MADE = {"keys.md": reference.keys_page, "metrics.md": reference.metrics_page}
ELSEWHERE = {"clusters.md", "performance.md", "design.md"}  # of other machines, of other tests
PAPER = ROOT / "outputs" / "paper"
FOUND = {  # results that README tells: label: run, digits
    "backprop": ("fig3_mnist/rule=bp", 2),
    "feedback alignment, rates as for backprop": ("fig3_mnist/rule=fa", 2),
    "shallow": ("fig3_mnist/rule=shallow", 1),
    "backprop, small rate": ("fig3_small_rate/rule=bp", 2),
    "feedback alignment, the same small rate": ("fig3_small_rate/rule=fa", 2),
}
PLUGINS = {"slurm": "submitit", "cores": "joblib", "ray_cores": "ray"}
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.S | re.M)


class Block(NamedTuple):
    """A block of code of a page."""

    language: str
    title: str  # the file that it is
    code: str


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in their order."""
    return [Block(*found) for found in FENCE.findall((DOCS / page).read_text())]


def with_commands() -> list[str]:
    """The pages that have something to run."""
    run = {"sh", "python"}
    return [page for page in PAGES if run & {block.language for block in blocks(page)}]


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command of a block."""
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


@pytest.mark.parametrize("page", [page for page in with_commands() if page not in ELSEWHERE])
def test_what_a_page_says_works(page, tmp_path):
    """Its files are written and its commands typed, then its Python is run, as one script."""
    environment, snippets = {}, []
    for block in blocks(page):
        if block.title:
            path = tmp_path / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
        elif block.language == "python":
            snippets.append(block.code)
        elif block.language == "sh":
            for words in commands(block.code):
                if words[0] == "export":
                    environment |= dict([words[1].split("=")])
                    continue
                assert words[0] == "fa-run", words
                typed = run_command if environment else run_here
                succeed(typed(tmp_path, *words[1:], **environment))
    python(tmp_path, "\n".join(snippets))


def python(folder: Path, code: str) -> None:
    """Run a page's Python as a person's script in `folder`."""
    kept = {"cwd": folder, "capture_output": True, "text": True, "timeout": 120}
    plain = {**os.environ, "MPLBACKEND": "agg"}
    succeed(subprocess.run([sys.executable, "-c", code], env=plain, **kept))


def mentioned() -> list[str]:
    """The commands within sentences, of the README too, and those of pages for other machines."""
    found = set()
    for path in (ROOT / "README.md", *(DOCS / page for page in PAGES)):
        text = path.read_text()
        found |= set(re.findall(r"`(fa-run [^`]*)`", FENCE.sub("", text)))
    for page in ELSEWHERE:
        for block in blocks(page):
            found |= {shlex.join(words) for words in commands(block.code) if words[0] == "fa-run"}
    whole = (line for line in found if not re.search(r"\.\.\.|NAME", line))
    return sorted({" ".join(line.split()) for line in whole})


@pytest.mark.quick
@pytest.mark.parametrize("line", mentioned())
def test_what_a_sentence_names_can_be_typed(line):
    """Its subcommand, groups, names and keys are there; of several values the first is taken."""
    if launcher := re.search(r"hydra/launcher=(\w+)", line):
        pytest.importorskip(f"hydra_plugins.hydra_{PLUGINS[launcher[1]]}_launcher")
    _, first, *rest = shlex.split(line)
    words = rest if first in cli.SUBCOMMANDS else [first, *rest]
    overrides = [word for word in words if re.match(r"[^-].*=|\+", word)]
    alone = [re.sub(r",[^\]]*$", "", word) for word in overrides]
    with composing.apart():
        if first not in cli.SUBCOMMANDS:
            composing.compose(alone)
            return
        with hydra.initialize_config_dir(cli.CONF, version_base="1.3"):
            assert hydra.compose(first, overrides=alone)


@pytest.mark.quick
@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    """To pages, pictures and files that are there."""
    text = FENCE.sub("", (DOCS / page).read_text())
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (DOCS / target).exists(), target


@pytest.mark.quick
@pytest.mark.parametrize("page", MADE)
def test_tables_are_those_of_the_code(page):
    """Where they are not: python tests/test_docs.py."""
    with composing.apart():
        assert (DOCS / page).read_text() == MADE[page]()


@pytest.mark.quick
def test_every_page_is_in_the_site():
    """In its navigation, once."""
    nav = (ROOT / ".mkdocs.yml").read_text().split("nav:")[1]
    assert sorted(re.findall(r": (\S+\.md)", nav)) == PAGES


@pytest.mark.skipif(not PAPER.is_dir(), reason="the reference results are not here")
def test_readme_has_the_numbers_of_the_reference_results():
    """How many claims have which verdict, and its table of test errors."""
    text = " ".join((ROOT / "README.md").read_text().split())
    verdicts = pd.read_csv(PAPER / "report.csv")["verdict"]
    counts = [(verdicts == word).sum() for word in ("reproduced", "close", "not reproduced")]
    told = "Of {} claims, {} are reproduced, {} are close, {} are not, and {} are not run"
    assert told.format(len(verdicts), *counts, (verdicts == "not run").sum()) in text
    for label, (run, digits) in FOUND.items():
        summary = pd.read_csv(PAPER / run / "summary.csv", index_col="metric")
        mean, sd = summary.loc["test_error", ["mean", "sd"]]
        assert f"| {label} | {mean:.{digits}f} ± {sd:.{digits}f} % |" in text


if __name__ == "__main__":
    composing.register()
    for name, make in MADE.items():
        (DOCS / name).write_text(make())
