"""Names in YAML become code only through these tables; a config can never name an import."""

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from fa_cli.errors import UserError, suggest
from fa_cli.options import Option, options_of


class Kind(NamedTuple):
    """What builds a part out of one thing that the program gives, and the options YAML sets."""

    build: Callable[..., Any]
    options: dict[str, Option]


class Registry(dict):
    """A dict of named parts (rules, datasets, probes, figures), filled by a decorator.

    `outside`: the environment variable that names a person's own files of them, if there is one.
    """

    def __init__(self, kind: str, outside: str = ""):
        super().__init__()
        self.kind, self.outside = kind, outside
        self.origins: dict[str, Path] = {}

    def register(self, name: str) -> Callable:
        """Decorator that stores the decorated object under `name`."""

        def store(part):
            self.add(name, part, part)
            return part

        return store

    def builder(self, name: str) -> Callable:
        """Decorator that stores a builder as a Kind; options are its arguments after the first."""

        def store(build):
            self.add(name, Kind(build, options_of(build, given=1)), build)
            return build

        return store

    def check_name(self, name: Any) -> None:
        """Raise UserError for a decorator without a name, which gets the function in its place."""
        if not isinstance(name, str):
            raise UserError(f"@{self.kind} stands without a name: type @{self.kind}('NAME')")

    def add(self, name: str, part: Any, defined_by: Any) -> None:
        """Store a part that a function or class defines.

        Raises UserError where another file has defined one of that name; the same file may again.
        """
        source = inspect.getsourcefile(defined_by)
        assert source is not None  # parts are imported from files
        origin = Path(source).resolve()
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
            known = suggest(str(name), self)
            if self.outside:
                known += f"; one of your own is in a file that {self.outside} names"
            raise UserError(f"no {self.kind} is called {name!r}: {known}")
        return self[name]


def import_all(package: ModuleType) -> None:
    """Import every module of `package`, so that a new file in it is all that a new part needs."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def import_outside(registry: Registry, group: str) -> None:
    """Import the parts of other packages, by entry points of a group, and of a person's own files.

    The registry's environment variable lists module names or paths of .py files, separated as in
    PATH. Raises UserError for one that cannot be imported.
    """
    variable = registry.outside
    for point in entry_points(group=group):
        try:
            point.load()
        except UserError:
            raise
        except Exception as error:  # whatever is in a package from outside
            raise UserError(
                f"{point.value}, an entry point {group}, does not load ({type(error).__name__}: "
                f"{error}): mend its package, or uninstall it"
            ) from None
    for source in filter(None, os.environ.get(variable, "").split(os.pathsep)):
        try:
            import_source(source)
        except UserError as error:
            raise UserError(f"{variable}={source}: {error}") from None
        except Exception as error:  # whatever is in a file from outside
            file = source.endswith(".py")
            absent = not Path(source).exists() if file else getattr(error, "name", "") == source
            what = error if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            hint = "give a module name or the path of a .py file" if absent else "mend it"
            raise UserError(f"{variable}={source}: {what}; {hint}") from None


def import_source(source: str) -> None:
    """Import a module by name, or the .py file at a path."""
    if source.endswith(".py"):
        import_file(Path(source))
    else:
        importlib.import_module(source)


def import_file(path: Path) -> ModuleType:
    """The module that a .py file makes, whatever else is called so."""
    spec = importlib.util.spec_from_file_location(f"fa_run_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # as for all .py files
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
