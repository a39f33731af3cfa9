"""One module per client API: read a body as texts, write edits back, shape errors. The chain knows only the texts.

A dialect is a module with `name`, `read_request`, `read_response`, `write`, `error` and `block`
(`extproc.session.Dialect` is the type).
"""

from __future__ import annotations


class UnreadableReply(ValueError):
    """A provider's reply that is not what its API promises; nothing of it may pass unseen."""
