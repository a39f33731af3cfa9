"""Addresses as operators write them, and what keeps anybody from listening there."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.gateway.address import AddressError, Tcp, Unix, obstacle, tcp, tcp_or_unix


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose sockets fit into 107 bytes, however deep the tests' own are."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.mark.parametrize(
    ("text", "host", "port", "shown", "local"),
    [
        ("0.0.0.0:41002", "0.0.0.0", 41002, "0.0.0.0:41002", False),
        ("127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1", True),
        ("localhost:65535", "127.0.0.1", 65535, "127.0.0.1:65535", True),
        ("[::]:41002", "::", 41002, "[::]:41002", False),
        ("[0:0:0:0:0:0:0:1]:41002", "::1", 41002, "[::1]:41002", True),
    ],
)
def test_an_address_is_read_and_shown(text: str, host: str, port: int, shown: str, local: bool) -> None:
    found = tcp(text)
    assert (found, str(found), found.local) == (Tcp(host, port), shown, local)
    assert tcp_or_unix(shown) == found


@given(st.text() | st.from_regex(r"\[?[0-9a-f.:]*\]?:[0-9]*"))
def test_whatever_is_written_is_an_address_or_an_error_that_quotes_it(text: str) -> None:
    said = ""
    found: Tcp | Unix | None = None
    try:
        found = tcp_or_unix(text)
    except AddressError as error:
        said = str(error)
    assert tcp_or_unix(str(found)) == found if found else repr(text) in said


@pytest.mark.parametrize("text", ["unix:", "unix:/run/"])
def test_a_socket_has_a_name(text: str) -> None:
    with pytest.raises(AddressError, match="names no socket"):
        tcp_or_unix(text)


def test_the_same_socket_written_otherwise_is_the_same() -> None:
    assert tcp_or_unix("unix:/run/../run/./kt.sock") == Unix(Path("/run/kt.sock"))


def test_a_free_port_has_no_obstacle_and_a_taken_one_has() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert obstacle(Tcp("127.0.0.1", port)) == obstacle(Tcp("0.0.0.0", port)) == "Address already in use"
    assert obstacle(Tcp("127.0.0.1", port)) == ""


def test_an_address_of_another_machine_is_an_obstacle() -> None:
    assert obstacle(Tcp("192.0.2.1", 41002)) == "Cannot assign requested address"


def test_a_socket_that_is_served_is_an_obstacle_and_one_that_was_left_behind_is_not(short: Path) -> None:
    path = short / "kt.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert obstacle(Unix(path)) == "another process listens there"
    assert path.exists() and obstacle(Unix(path)) == ""


def test_a_file_is_an_obstacle_that_nobody_deletes(short: Path) -> None:
    (short / "notes").write_text("mine")
    assert "not a socket" in obstacle(Unix(short / "notes"))
    assert "not a directory" in obstacle(Unix(short / "absent" / "kt.sock"))
    assert "not a directory" in obstacle(Unix(short / "notes" / "kt.sock"))


def test_a_directory_that_cannot_be_written_is_an_obstacle() -> None:
    assert obstacle(Unix(Path("/proc/kt.sock"))).startswith("/proc cannot be written: ")


def test_asking_leaves_nothing_behind(short: Path) -> None:
    assert obstacle(Unix(short / "kt.sock")) == "" and list(short.iterdir()) == []


def test_a_path_must_fit_into_what_the_kernel_takes(short: Path) -> None:
    longest = short / ("x" * (107 - len(str(short)) - 1))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(longest))
    longest.unlink()
    assert obstacle(Unix(longest)) == ""
    assert "107 bytes" in obstacle(Unix(Path(f"{longest}y")))
