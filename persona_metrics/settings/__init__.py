"""Everything that can be set, once. Later wins: default, .env, environment, task YAML and --metadata, Python keyword."""

from .fields import Settings
from .keyring import Key
from .loading import ALIASES, canonical, environment_names, load, own_keys, source_of, unknown_environment

__all__ = [
    "ALIASES",
    "Key",
    "Settings",
    "canonical",
    "environment_names",
    "load",
    "own_keys",
    "source_of",
    "unknown_environment",
]
