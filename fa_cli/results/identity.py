"""What makes two runs the same run, also across versions of this project.

A run is its config, less the keys that only say where things lie. A key that one of two configs
does not have counts as its default, so that a new key leaves earlier results as they are.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from fa_cli.schema import RunConfig

NUMERICS = 1  # grows when the same config gives other results, beyond rounding
ELSEWHERE = ("outputs", "data_dir", "fetch", "fail_fast", "resume")  # keys of no result
PER_RUN = ("backend.threads", "record.checkpoint_seconds", "record.keep_checkpoint")
GONE: dict[str, Any] = {}  # dotted keys that the schema once had, with the defaults they had
ABSENT = "absent"


def flat(config: Mapping, prefix: str = "") -> dict[str, Any]:
    """The values of a config by dotted key."""
    values: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values


DEFAULTS = flat(asdict(RunConfig())) | {"numerics": 1} | GONE


class Identity(NamedTuple):
    """The part of a run that determines its results, plain values only."""

    values: Mapping
    # dotted key -> default, of options that the schema does not list
    defaults: Mapping[str, Any] = {}

    def difference(self, earlier: Mapping) -> str:
        """The first key in which an earlier run's values differ, with both; or nothing."""
        defaults = {**DEFAULTS, **self.defaults}
        old, new = flat(earlier), flat(json.loads(json.dumps(self.values)))
        if "numerics" not in old:  # of a version that did not note the files behind a run
            new = {key: value for key, value in new.items() if not key.startswith("sources.")}
        for key in [*new, *(key for key in old if key not in new)]:
            was, now = (values.get(key, defaults.get(key, ABSENT)) for values in (old, new))
            if was != now and key.startswith("sources."):
                return f"{key.removeprefix('sources.')} has changed"
            if was != now:
                return f"{key} was {was}, now {now}"
        return ""


def fingerprint(config: Mapping) -> str:
    """A hash of what a config says, whether or not it spells out the defaults."""
    said = {key: value for key, value in flat(config).items() if value != DEFAULTS.get(key, ABSENT)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def identity(
    resolved: Mapping, defaults: Mapping[str, Any] | None = None, sources: Iterable[Path] = ()
) -> Identity:
    """The identity of a run, from its resolved config and the files from outside that it uses."""
    kept = {key: value for key, value in resolved.items() if key not in ELSEWHERE}
    for dotted in PER_RUN:
        group, key = dotted.split(".")
        kept[group] = {name: value for name, value in kept[group].items() if name != key}
    kept["numerics"] = NUMERICS
    hashes: dict[str, str] = {}
    for path in sources:
        hashes[path.name] = f"{hashes.get(path.name, '')}{digest(path)}"  # of all of that name
    if hashes:
        kept["sources"] = hashes
    return Identity(kept, defaults or {})


def changed(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which data have another checksum than they had; or nothing."""
    return next((what for what, checksum in was.items() if now.get(what, checksum) != checksum), "")


def digest(path: Path) -> str:
    """The beginning of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
