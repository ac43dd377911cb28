"""Every figure is drawn by the real command, from real though tiny runs."""

import pytest
from conftest import needs_mnist, run_command

SWEEPS = {  # sweep: (what makes it tiny, figures drawn from it)
    "fig3d": (["steps=20", "seeds=2", "record.every=5"], ["fig3d"]),
    "figS6": (
        ["steps=20", "seeds=2", "record.every=5", "phases=[{freeze:[0],steps:20}]"],
        ["figS6"],
    ),
    "figS7": (["steps=20", "seeds=2"], ["figS7"]),
    "figS8": (["steps=20", "seeds=2", "record.every=5"], ["figS8"]),
    "fig5": (
        ["steps=8", "seeds=2", "record.every=2", "phases=[{freeze:[1],steps:4},{rule:bp,steps:4}]"],
        ["fig5", "figS9", "figS14"],
    ),
    "figS10": (["steps=400", "seeds=50", "record.every=10"], ["figS10"]),
    "figS11": (["seeds=2", "steps=20"], ["figS11", "figS12"]),
    "figS13": (["steps=20", "seeds=2"], ["figS13"]),
}


@pytest.mark.parametrize("sweep", SWEEPS)
def test_figures_of_a_sweep(sweep, tmp_path):
    """The sweep runs, and each of its figures comes out as a PNG of some size."""
    tiny, figures = SWEEPS[sweep]
    done = run_command(tmp_path, f"+sweep={sweep}", *tiny)
    assert done.returncode == 0, done.stderr
    done = run_command(tmp_path, "plot", f"figure=[{','.join(figures)}]")
    assert done.returncode == 0, done.stderr
    for name in figures:
        assert len((tmp_path / "outputs" / "figures" / f"{name}.png").read_bytes()) > 10_000


@needs_mnist
def test_figures_of_mnist(tmp_path):
    """Fig. 3 and Supp. Fig. 5 from a few steps on the real images, the sparse variant included."""
    tiny = ["steps=20", "seeds=2", "record.every=10"]
    for words in (["+sweep=fig3"], ["experiment=fig3_sparse"]):
        done = run_command(tmp_path, *words, *tiny)
        assert done.returncode == 0, done.stderr
    done = run_command(tmp_path, "plot", "figure=[fig3,figS5]", "format=svg")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "outputs" / "figures" / "figS5.svg").read_text()
    assert text.count("<image") == 4
