"""The site that `make docs` builds, in a browser: no error, no missing picture, none too wide."""

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers import needs_browser, seen

ROOT = Path(__file__).parents[1]
WIDTHS = (360, 1200)  # a phone, a desk
LOOK = """<!doctype html><title>none</title>{frames}
<script>
onload = () => {{
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {{
    const page = frame.contentDocument;
    const missing = [...page.images].filter(image => !image.naturalWidth).map(image => image.src);
    const errors = frame.contentWindow.performance.getEntriesByType("resource")
      .filter(entry => entry.responseStatus >= 400).map(entry => entry.name);
    const wide = page.documentElement.scrollWidth - frame.width;
    found.push({{page: frame.name, title: page.title, missing, errors, wide}});
  }}
  document.title = JSON.stringify(found);
}};
</script></html>"""

pytestmark = needs_browser


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that writes no log."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Its folder."""
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    words = ["mkdocs", "build", "--quiet", "--strict", "--config-file", str(ROOT / ".mkdocs.yml")]
    command = [sys.executable, "-m", *words, "--site-dir", str(folder)]
    own = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, env=own, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def address(site) -> str:
    """Where it is served, as a code host would."""
    serve = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pages_of(site: Path) -> list[Path]:
    """Its pages but that for a wrong address, which knows only where a server has the site."""
    return sorted(page for page in site.glob("*.html") if page.name != "404.html")


def test_nothing_comes_from_elsewhere(site):
    """No script, style, font or picture; links within lead to pages that are there."""
    for page in pages_of(site):
        text = page.read_text()
        assert not re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="?https?:', text), page.name
        for target in re.findall(r'(?:href|src)="?([^"#?\s>]+)', text):
            local = not re.match(r"(https?|mailto|data):|//", target)
            assert not local or (page.parent / target).exists(), (page.name, target)


@pytest.mark.parametrize("width", WIDTHS)
def test_in_a_browser(site, address, width):
    """Every page: loaded whole, no sideways scrolling, no error of a script."""
    pages = [page.name for page in pages_of(site)]
    frames = [
        f'<iframe name="{page}" src="{page}" width={width} height=900></iframe>' for page in pages
    ]
    (site / "look.html").write_text(LOOK.format(frames="\n".join(frames)))
    told = []
    dom = seen(f"{address}/look.html", site.parent, 1400, told)
    (site / "look.html").unlink()
    found = json.loads(re.search(r"<title>(.*?)</title>", dom, re.S)[1])
    assert [page["page"] for page in found] == pages and len(pages) > 15
    for page in found:
        assert page["title"] and not page["missing"] and not page["errors"], page
        assert page["wide"] <= 0, page
    assert not [line for line in told if "CONSOLE" in line]
