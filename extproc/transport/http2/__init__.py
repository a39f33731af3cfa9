"""HTTP/2 and gRPC for a server, without I/O: bytes in, events and bytes out."""

from extproc.transport.http2.connection import Connection
from extproc.transport.http2.events import Aborted, Event, HalfClosed, Lost, Message, Opened
from extproc.transport.http2.frames import Code
from extproc.transport.http2.limits import Limits

__all__ = ["Aborted", "Code", "Connection", "Event", "HalfClosed", "Limits", "Lost", "Message", "Opened"]
