"""What a session yields: steps for its driver to perform in order; what a `Need` found is sent back in."""

from __future__ import annotations

from collections.abc import Generator

from extproc.model import Step

Steps = Generator[Step, object, None]
