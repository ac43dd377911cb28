"""What Hydra and OmegaConf complain of, in one line of this project: a table of patterns."""

import re
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

import yaml
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from fa_cli.errors import suggest

EXTRAS = {  # launchers and sweepers, with the extras of this package that bring them
    "joblib": "joblib",
    "submitit_local": "slurm",
    "submitit_slurm": "slurm",
    "ray": "ray",
    "optuna": "optuna",
}
TYPES = {"integer": "a whole number", "float": "a number", "bool": "true or false"}
TYPES["boolean"] = TYPES["bool"]
command = ""  # the subcommand that is carried out
GROUPS = "`fa-run --help` lists the names"


def not_found(text: str, group: str, name: str) -> str:
    """A group has no such option."""
    if group is None and name.endswith("/"):  # rule=
        group, name = name[:-1], ""
    if name in EXTRAS:
        return f"{group}={name} needs a plugin: type `pip install 'fa-run[{EXTRAS[name]}]'`"
    if name in registered(group):
        return (
            f"{group}={name} has a function and no YAML file: write MINE/{group}/{name}.yaml, "
            f"with the line `name: {name}` and its options, and type --config-dir MINE"
        )
    if group == "experiment" and is_sweep(name):
        return f"{name} is a sweep, of several runs: type +sweep={name}"
    options = re.findall(r"^\t(\w+)$", text, re.MULTILINE)
    own = "; one of your own wants --config-dir" if group in ("rule", "dataset") else ""
    return f"no {group} is called {name!r}: {suggest(name, options)}{own}"


def is_sweep(name: str) -> bool:
    """Whether +sweep=name makes several runs."""
    from fa_cli.schema import FOLDER

    return (FOLDER / "sweep" / f"{name}.yaml").exists()


def registered(group: str) -> Collection[str]:
    """The parts that a person can add to a group."""
    from fa_cli.data import DATASETS
    from fa_cli.rules import RULES

    return {"rule": RULES, "dataset": DATASETS}.get(group, ())


def no_plugin(text: str, name: str) -> str:
    """A launcher or sweeper is named whose package is not there."""
    return (
        f"the plugin of {name} is not installed: "
        "type `pip install 'fa-run[joblib,slurm,ray,optuna]'`, or one of these"
    )


def no_override(text: str, key: str) -> str:
    """A key or a group that is not there to be replaced."""
    from fa_cli.config import known_keys, option_keys

    if "No match in the defaults list" in text and not command:
        if key in known_keys():
            return hidden(key)
        return f"{key} is added, not replaced: type +{key}=NAME"
    if key.startswith("hydra."):
        group, _, name = key.rpartition(".")
        launcher = next((word for word in sys.argv if word.startswith("hydra/launcher=")), "")
        asked = " ".join(filter(None, ["fa-run", launcher, f"--cfg hydra -p {group}"]))
        return f"no key of {group} is called {name}: `{asked}` lists them; a new one wants a +"
    if not command and key in option_keys():
        return (
            f"{key} is no option of all that was typed, or one that a YAML file leaves out: leave "
            f"other choices of {key.split('.')[0]} away, or type +{key}=..."
        )
    return f"no key is called {key}: {suggest(key, keys_of_command())}"


def hidden(key: str) -> str:
    """A folder of the person's own is taken for a group, as one of results is called outputs."""
    return (
        f"the folder {key} in your --config-dir hides the key {key}: put your rule/, dataset/ and "
        "so on into a folder of their own, such as mine, and type --config-dir mine"
    )


def keys_of_command() -> list[str]:
    """The keys of the subcommand in hand, else those of a run."""
    from fa_cli.config import known_keys, option_keys
    from fa_cli.schema import FOLDER

    file = FOLDER / f"{command}.yaml"
    if not command or not file.exists():
        return [*known_keys(), *option_keys()]
    return [key for key in yaml.safe_load(file.read_text()) if key not in ("defaults", "hydra")]


def no_such_value(text: str, key: str) -> str:
    """`${key}` of a key that is not there."""
    return f"${{{key}}} is of no key: {suggest(key, keys_of_command())}"


def group_of_no_name(text: str) -> str:
    """model=null, model=5, model=[5]."""
    return (
        f"a group takes a name, no null or number: type GROUP=NAME, such as model=linear; {GROUPS}"
    )


PATTERNS: list[tuple[str, Callable[..., str]]] = [  # in a message; (message, *groups) -> the line
    (r"UserError raised while resolving interpolation: (.*)", lambda text, line: line),
    (r"Could not (?:find|load) '(?:(.+)/)?(.+)'", not_found),
    (r"Unknown plugin class : '(.+)'", no_plugin),
    (r"Could not override '([^']+)'", no_override),
    (
        r"Could not append to config. An item is already at '(.+?)'",
        lambda text, key: f"{key} has a value already: type {key}=... without the +",
    ),
    (
        r"Multiple values for ([\w/]+)",
        lambda text, key: f"{key} has a value already: type {key}=NAME without the +",
    ),
    (r"Interpolation key '(.+?)' not found", no_such_value),
    (r"Config group override|is not iterable", group_of_no_name),
    (
        r"Missing mandatory value: (\w+)\.name",  # ~rule
        lambda text, group: (
            f"the run has no {group}: type {group}=NAME, and give a YAML file of your own the line "
            f"`name: NAME`; {GROUPS}"
        ),
    ),
    (
        r"Additional config directory '(.*)' not found",
        lambda text, folder: f"--config-dir {folder}: there is no such folder",
    ),
    (
        r"does not support sweep type : INTERVAL",
        lambda text: (
            "interval(low,high) is for hydra/sweeper=optuna: type range(start,end,step), or values "
            "with commas"
        ),
    ),
    (
        r"In '(.+?)': ConfigTypeError",
        lambda text, name: f"{name}.yaml holds no keys: expected lines such as `name: NAME`",
    ),
    (
        r"Invalid range|range\(\) arg 3",
        lambda text: "this range has no end: type range(start,end,step), with a step towards end",
    ),
    (
        r"No trials are completed yet|Record does not exist",  # Optuna, of the best one
        lambda text: "no trial was finished, none is the best: type hydra.sweeper.n_trials=N",
    ),
    (
        r"object has no attribute 'get'\s+full_key: hydra.sweeper.params|for root: NoneType",
        lambda text: (
            "no key below one without a value can be set: type KEY=VALUE,VALUE and -m in place of "
            "hydra.sweeper.params, which is for YAML files"
        ),
    ),
    (
        r"Ambiguous value for argument '(.*)'",
        lambda text, word: (
            f"{word}: several values: add -m to run them all, or write a list as [a,b]"
        ),
    ),
]


def of_hydra(error: BaseException) -> bool:
    """Whether Hydra, OmegaConf or Optuna's database complains of what a person wrote."""
    told = ("Config group override", "Unknown plugin class")
    known = isinstance(error, HydraException | OmegaConfBaseException)
    known = known or of_database(error) or isinstance(error, yaml.YAMLError) or of_bytes(error)
    return known or any(text in str(error) for text in told) or of_its_code(error)


def of_database(error: BaseException) -> bool:
    """Whether the database of a study cannot be used, or Optuna refuses what it was given."""
    return type(error).__module__.split(".")[0] in ("sqlalchemy", "optuna", "sqlite3")


def of_bytes(error: BaseException) -> bool:
    """Whether a YAML file is not in UTF-8."""
    if not isinstance(error, UnicodeDecodeError):
        return False
    reading = [frame for frame in frames_of(error) if "codecs" not in frame.filename]
    return is_of(reading[-1], "hydra", "omegaconf", "yaml")


def of_its_code(error: BaseException) -> bool:
    """Whether Hydra, OmegaConf or Optuna stumbled over what a person wrote, such as optimizer=[1].

    What a launcher raises anew is of a run.
    """
    frames = frames_of(error)
    theirs = bool(frames) and is_of(frames[-1], "hydra", "omegaconf", "optuna")
    return theirs and frames[-1].name != "return_value"


def frames_of(error: BaseException) -> traceback.StackSummary:
    """Where an error arose, the innermost frame last."""
    return traceback.extract_tb(error.__traceback__)


def is_of(frame: traceback.FrameSummary, *packages: str) -> bool:
    """Whether a frame is in the code of one of these packages, which may not be loaded."""
    loaded = [sys.modules[name] for name in packages if name in sys.modules]
    folders = {Path(str(package.__file__)).parent for package in loaded}
    return not folders.isdisjoint(Path(frame.filename).parents)


def in_one_line(error: BaseException) -> str:
    """The line for a command line that Hydra could not compose."""
    text = str(error)
    if of_database(error):
        first = text.splitlines()[0]
        return f"the study cannot be used ({first}): type another outputs=DIR or hydra.sweeper.KEY"
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        return f"{mark.name}, line {mark.line + 1}, is not YAML: {error.problem}"
    if of_bytes(error):
        return f"one of your YAML files is not in UTF-8 ({text}): save it so"
    if isinstance(error.__cause__, OmegaConfBaseException) and "merging override" in text:
        return of_a_value(error.__cause__)
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read {error.override!r}: expected key=value, "
            "in quotes where the value has brackets, commas or spaces"
        )
    if key := getattr(error.__cause__, "full_key", None):  # optimizer={a: 1}: it is optimizer.a
        text = re.sub(r"(Could not override) '.*?'", rf"\1 '{key}'", text)
    for pattern, line in PATTERNS:
        if found := re.search(pattern, text):
            return line(text, *found.groups())
    return "; ".join(filter(None, map(str.strip, text.splitlines()))) or type(error).__name__


def of_a_value(error: OmegaConfBaseException) -> str:
    """The line for what OmegaConf found wrong in a value or a key of a config."""
    key = error.full_key or ""
    if isinstance(error, ConfigKeyError):
        from fa_cli.config import known_keys, option_keys

        return f"no key is called {key}: {suggest(key, [*known_keys(), *option_keys()])}"
    first = str(error).splitlines()[0]
    if found := re.match(r"Interpolation key '(.+?)' not found", first):
        return f"{key}: {no_such_value(first, found[1])}"
    if re.match(r"Cannot convert '(List|Dict)Config' to", first):
        return f"{key}: expected a single word or number"
    if re.match(r"Invalid type assigned: \w+ is not a subclass", first):
        return f"{key}: expected keys and values, such as {{steps:100}}"
    expected = r"(?:could not be converted to|is not a valid|is not an?) (\w+)"
    pattern = rf"Value '(.*?)'(?: of type '.*')? {expected}"
    if found := re.match(pattern, first):
        value, kind = found.groups()
        return f"{key}={value}: expected {TYPES.get(kind.lower(), kind)}"
    return f"{key}: {first}" if key else first
