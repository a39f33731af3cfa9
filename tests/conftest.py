from __future__ import annotations

import signal

# A shell that starts us in the background has SIGINT ignored, and our children would inherit that: Ctrl-C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
