"""For hatchling: a wheel knows the commit that it was built from, for the manifests of its runs."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):
    """Adds fa_cli/commit.txt where the source is a git checkout, or was one when it was packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before files are collected."""
        packed = Path(self.root) / "fa_cli" / "commit.txt"
        if packed.exists():
            return
        try:
            words = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
            said = subprocess.run(words, cwd=self.root, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError):
            return
        folder = Path(tempfile.mkdtemp())
        (folder / "commit.txt").write_text(said.stdout.strip())
        build_data["force_include"][str(folder / "commit.txt")] = "fa_cli/commit.txt"
