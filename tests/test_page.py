"""report.html: one file that needs nothing else, to be searched, filtered and read on a phone."""

import html
import re
from pathlib import Path

import pytest
import yaml
from helpers import needs_browser, seen

from fa_cli.claims import report
from fa_cli.claims.criteria import load_criteria
from fa_cli.claims.report import as_row, judge_claim, read_claims, tally

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "outputs" / "paper"
needs_results = pytest.mark.skipif(not PAPER.is_dir(), reason="the reference results are not here")
load_criteria()
pytestmark = [pytest.mark.quick, needs_results]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The page of the reference results."""
    verdicts = [judge_claim(claim, PAPER) for claim in read_claims()]
    rows = [as_row(verdict) for verdict in verdicts]
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.page(verdicts, rows, report.TITLE, tally(verdicts), PAPER, PAPER))
    return path


def shown(path: Path, query: str = "", width: int = 1200) -> str:
    """The page as a browser has it."""
    return seen(f"file://{path}{query}", path.parent, width)


def claims_shown(dom: str) -> list[str]:
    """The claims that are not hidden."""
    return re.findall(r'<article id="([^"]+)" data-verdict="[^"]+">', dom)


def test_it_needs_nothing_else(page):
    """No other file, no address but links within; every claim; less than 3 MB."""
    text = page.read_text()
    assert len(text) < 3e6 and 'src="http' not in text and "<link" not in text
    there = re.findall(r'<article id="([^"]+)"', text)
    assert sorted(there) == sorted(claim["id"] for claim in read_claims())
    targets = set(re.findall(r'href="#([^"]+)"', text))
    assert targets <= set(re.findall(r'id="([^"]+)"', text))


def test_every_picture_says_what_it_shows(page):
    """An alternative text for each, and words for every figure that a claim has."""
    shown = re.findall(r'<img alt="([^"]*)"', page.read_text())
    assert len(shown) > 10 and all(len(text) > 40 for text in shown)
    known = yaml.safe_load((Path(report.__file__).parent / "figures.yaml").read_text())
    assert {claim["figure"] for claim in read_claims() if "figure" in claim} == {*known}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(page, scheme):
    """Of all colours of text to the background at least 4.5 (WCAG AA)."""
    blocks = re.findall(r":root \{(.*?)\}", page.read_text(), re.S)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", blocks[scheme]))
    back = luminance(colours["back"])
    for name in ("text", "soft", "link", "reproduced", "close", "not-reproduced", "not-run"):
        low, high = sorted((back, luminance(colours[name])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, name


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (linear(int(digits[k : k + 2], 16) / 255) for k in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(c: float) -> float:
    """A channel of sRGB, 0 to 1, as light."""
    return c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4


@needs_browser
@pytest.mark.slow
def test_filter_and_search(page):
    """By verdict, by figure, by word, and all at once; an address can name them."""
    everything = claims_shown(shown(page))
    assert everything == re.findall(r'<article id="([^"]+)"', page.read_text())
    judged = {claim["id"]: judge_claim(claim, PAPER).word for claim in read_claims()}
    close = claims_shown(shown(page, "?verdict=close"))
    assert close and {judged[name] for name in close} == {"close"}
    of_figure = {claim["id"] for claim in read_claims() if claim.get("figure") == "fig2"}
    assert set(claims_shown(shown(page, "?figure=fig2"))) == of_figure
    assert claims_shown(shown(page, "?word=shallow%20learning%20hardly")) == ["F2.4"]
    assert claims_shown(shown(page, "?word=nothing%20has%20this")) == []
    wanted = [name for name in everything if name in of_figure and judged[name] == "reproduced"]
    assert claims_shown(shown(page, "?verdict=reproduced&figure=fig2")) == wanted


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_no_sideways_scrolling(page, width):
    """Neither on a phone nor on a wide screen: the page in a frame of that width."""
    outer = page.with_name(f"frame{width}.html")
    measured = "document.title = this.contentDocument.documentElement.scrollWidth"
    inner = html.escape(page.read_text())
    frame = f'<iframe width={width} height=900 onload="{measured}" srcdoc="{inner}"></iframe>'
    outer.write_text(f"<!doctype html><title>none</title>{frame}</html>")
    (needed,) = re.findall(r"<title>(\d+)</title>", shown(outer, width=1400))
    assert int(needed) <= width
