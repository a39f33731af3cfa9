"""An Envoy external processor that governs AI traffic: the Keeptrusts hosted gateway on Envoy.

Data flows one way, and each step is one module or package:

    transport -> wire -> session -> guard -> chain -> policies | cache | routing -> audit

    model       the vocabulary; imports nothing of ours
    dialects    one package per client API: read a body as texts, write edits back
    detect      patterns and rule sets: text in, hits out
    policies    one file per kind
    chain       asks the policies: order, stopping, shadow mode, failure and timing, once, here
    routing     which targets may carry a request, in which order
    cache       what makes two questions the same, which answers are kept
    guard       event streams while they run: bytes in, events held until they are settled, bytes out
    session     which message may come when; events in, steps out; no I/O
    wire        protobuf <-> events and replies
    transport   gRPC in and out, over our own HTTP/2 or grpcio; performs what a session asks for
    worker      builds one worker process: the only file that knows all

    keeper      what a host's workers share: the cache, and who is fetching what for it
    own_secrets secrets of our own, made at the first use
    pattern_shelf compiled patterns, kept for those who start later
    identity    access keys: stored, watched, looked up
    audit       spool, shipper, events, OTLP
    heartbeat   what workers and the shipper say to their supervisor
    config      policy-config.yaml to frozen values, or faults with file, line and path
    snapshot    a configuration as the chain that it becomes
    rehearsal   a request through that chain without a gateway: kt policy test, kt policy explain
    gateway     kt gateway run: renders Envoy, supervises processes, reloads; kt doctor: asks beforehand
    conformance what editors and SDKs send, replayed against any gateway: kt conformance
    cli         kt: one file per command group

Imports point from the bottom of the first list to its top, never back; tests/test_architecture.py holds it.
"""

__version__ = "0.1.0"
