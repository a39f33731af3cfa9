"""One module per client API: read a body as texts, write edits back, shape errors. The chain knows only the texts.

A dialect is a module with `name`, `read_request`, `read_response`, `write`, `error` and `block`
(`extproc.session.Dialect` is the type).
`cursor` is none: it makes chats of what Cursor sends, before a dialect reads them.
"""

from __future__ import annotations

BLOCKED = "The reply was stopped by a policy of this gateway."
"""What the end of a stream says where its API has a place for it, so that nobody takes it for the model's refusal."""


class UnreadableReply(ValueError):
    """A provider's reply that is not what its API promises; nothing of it may pass unseen."""
