"""Property tests judge answers, not the machine's load: no deadline for a single example."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
