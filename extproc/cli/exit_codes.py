"""The exit codes of every command, in one place; README.md shows the same table."""

OK = 0
FAILED = 1
USAGE = 2
MISSING = 3
INTERRUPTED = 130

MEANINGS = {
    OK: "done",
    FAILED: "failed while running",
    USAGE: "bad usage or bad configuration",
    MISSING: "something that is needed is missing or taken: Envoy, a port, a certificate, the state directory",
    INTERRUPTED: "interrupted",
}
