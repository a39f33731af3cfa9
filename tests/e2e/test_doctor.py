"""`kt doctor` beside a gateway that runs: Compose asks it as a health check."""

from __future__ import annotations

from live import Gateway, kt

from extproc.gateway.demo import DemoProvider


def test_the_port_of_the_gateway_that_runs_is_no_fault(demo: tuple[Gateway, DemoProvider]) -> None:
    gateway, _ = demo
    state = ("--state-dir", str(gateway.state))
    done = kt("doctor", "--listen", f"127.0.0.1:{gateway.port}", *state, check=False)
    assert done.returncode == 0, done.stdout
    assert f"ok    port: 127.0.0.1:{gateway.port} is served by the gateway that runs here\n" in done.stdout
    assert f"ok    in use: a gateway or processor runs on {gateway.state}\n" in done.stdout
    assert gateway.chat().status_code == 200


def test_another_state_directory_does_not_own_that_port(demo: tuple[Gateway, DemoProvider]) -> None:
    gateway, _ = demo
    state = ("--state-dir", str(gateway.state.parent / "other"))
    done = kt("doctor", "--listen", f"127.0.0.1:{gateway.port}", *state, check=False)
    assert done.returncode == 1 and "fail  port: cannot listen on" in done.stdout
