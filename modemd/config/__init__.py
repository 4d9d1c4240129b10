"""Settings: read once, checked, frozen.

One TOML file, by default ``modemd.toml`` in the state directory. Each key is also an environment variable,
``MODEMD_SECTION__KEY``. The command line comes before the environment, the environment before the file, the file
before the defaults.
"""

from modemd.config.reading import load
from modemd.config.settings import SECTIONS, Settings

__all__ = ["SECTIONS", "Settings", "load"]
