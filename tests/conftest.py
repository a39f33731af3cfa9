from __future__ import annotations

import signal

import live  # noqa: F401  # what any test compiles, all of them read

# A shell that starts us in the background has SIGINT ignored, and our children would inherit that: Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
