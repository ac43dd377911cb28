"""For MkDocs: pictures and measurements among the reference results are part of the site."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = "../outputs/paper/"


def on_files(files: Files, config: Any) -> Files:
    """Add what pages show from outputs/paper/."""
    paper = ROOT / "outputs" / "paper"
    for path in sorted([*paper.glob("*/*.png"), *paper.glob("bench/*/*.csv")]):
        name = path.relative_to(paper).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **given: Any) -> str:
    """On a code host files are where they lie, in the site beside the pages."""
    return markdown.replace(f"]({OUTSIDE}", "](")
