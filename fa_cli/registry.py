"""Names in YAML become code only through these tables; a config can never name an import."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fa_cli.errors import UserError, suggest


class Registry(dict):
    """A dict of named parts (rules, datasets, probes, figures), filled by a decorator."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind, self.origins = kind, {}

    def register(self, name: str) -> Callable:
        """Decorator that stores the decorated object under `name`."""

        def store(part):
            self.add(name, part, part)
            return part

        return store

    def add(self, name: str, part: Any, defined_by: Any) -> None:
        """Store a part that a function or class defines.

        Raises UserError where another file has defined one of that name; the same file may again.
        """
        origin = Path(inspect.getsourcefile(defined_by)).resolve()
        earlier = self.origins.setdefault(name, origin)
        if earlier != origin:
            raise UserError(
                f"{self.kind} {name!r} is defined twice, in {earlier} and in {origin}: "
                "give yours another name"
            )
        self[name] = part

    def find(self, name: Any) -> Any:
        """The part called `name`; raises UserError with the known names."""
        if not isinstance(name, str) or name not in self:
            raise UserError(f"no {self.kind} is called {name!r}: {suggest(str(name), self)}")
        return self[name]


def import_all(package: ModuleType) -> None:
    """Import every module of `package`, so that a new file in it is all that a new part needs."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
