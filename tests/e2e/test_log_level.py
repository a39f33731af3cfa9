"""`--log-level` reaches every process, and no level makes one of them write a key."""

from __future__ import annotations

from pathlib import Path

from live import Providers, eventually, start, stop


def test_debug_reaches_every_process_and_shows_no_key(tmp_path: Path, providers: Providers) -> None:
    _, port = providers.add()
    gateway = start(
        tmp_path, [port], "policies: {chain: [audit-logger]}\npolicy: {audit-logger: {}}\n", "--log-level", "debug"
    )
    try:
        assert gateway.chat("hello").status_code == 200
        eventually(
            lambda: any("envoy: " in line and "[info][upstream]" in line for line in gateway.lines), "Envoy's lines"
        )
        for module in ("extproc.worker", "extproc.audit.shipper"):
            for pid in gateway.pids(module):
                assert b"--log-level\0debug\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    finally:
        stop(gateway)
    said = "".join(gateway.lines)
    assert gateway.key not in said and "sk-secret-of-the-provider" not in said
    assert "[debug]" not in said and "[trace]" not in said  # of Envoy, which would write headers
    assert "statically linked extensions" not in said
