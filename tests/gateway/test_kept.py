"""The workers' own copy of the configuration: whole at every moment, and for nobody else to read."""

from __future__ import annotations

from pathlib import Path

import pytest
from live import POLICIES, Providers, document, start, stop

from extproc.gateway import kept


@pytest.fixture
def originals(tmp_path: Path) -> tuple[Path, ...]:
    """Three files, two of which have one name."""
    found = (tmp_path / "a" / "policy.yaml", tmp_path / "b" / "policy.yaml", tmp_path / "b" / "more.yaml")
    for number, path in enumerate(found):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"number: %d\n" % number)
    return found


def copied(directory: Path, originals: tuple[Path, ...]) -> list[bytes]:
    return [path.read_bytes() for path in kept.paths(directory, originals)]


def test_each_copy_says_what_its_original_says_in_the_same_order(tmp_path: Path, originals: tuple[Path, ...]) -> None:
    directory = tmp_path / "run" / "kept"
    kept.write(directory, originals, kept.read(originals))
    assert copied(directory, originals) == [b"number: 0\n", b"number: 1\n", b"number: 2\n"]
    assert len(set(kept.paths(directory, originals))) == 3


def test_a_file_that_is_given_twice_is_there_twice(tmp_path: Path, originals: tuple[Path, ...]) -> None:
    """The last file wins, so leaving one out would change what the configuration says."""
    first, second, _ = originals
    twice = (first, second, first)
    kept.write(tmp_path / "kept", twice, kept.read(twice))
    assert copied(tmp_path / "kept", twice) == [b"number: 0\n", b"number: 1\n", b"number: 0\n"]


def test_copies_are_ours_alone_and_no_draft_is_left(tmp_path: Path, originals: tuple[Path, ...]) -> None:
    for path in originals:
        path.chmod(0o644)
    kept.write(tmp_path / "kept", originals, kept.read(originals))
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "kept").iterdir()} == {0o600}
    assert set((tmp_path / "kept").iterdir()) == set(kept.paths(tmp_path / "kept", originals))


def test_who_reads_while_it_is_replaced_reads_the_old_one_to_its_end(
    tmp_path: Path, originals: tuple[Path, ...]
) -> None:
    kept.write(tmp_path / "kept", originals, kept.read(originals))
    with kept.paths(tmp_path / "kept", originals)[0].open("rb") as reading:
        kept.write(tmp_path / "kept", originals, dict.fromkeys(originals, b"new: true\n"))
        assert reading.read() == b"number: 0\n"
    assert copied(tmp_path / "kept", originals) == [b"new: true\n"] * 3


def test_a_draft_that_a_killed_process_left_is_no_obstacle(tmp_path: Path, originals: tuple[Path, ...]) -> None:
    kept.write(tmp_path / "kept", originals, kept.read(originals))
    for path in kept.paths(tmp_path / "kept", originals):
        path.with_name(f".{path.name}.1").write_bytes(b"half of")
    kept.write(tmp_path / "kept", originals, kept.read(originals))
    assert copied(tmp_path / "kept", originals) == [b"number: 0\n", b"number: 1\n", b"number: 2\n"]


def test_what_is_read_is_kept_whatever_becomes_of_the_original(tmp_path: Path, originals: tuple[Path, ...]) -> None:
    contents = kept.read(originals)
    for path in originals:
        path.unlink()
    kept.write(tmp_path / "kept", originals, contents)
    assert copied(tmp_path / "kept", originals) == list(contents.values())


def test_an_original_that_is_gone_and_a_place_that_cannot_be_written_are_os_errors(
    tmp_path: Path, originals: tuple[Path, ...]
) -> None:
    contents = kept.read(originals)
    with pytest.raises(FileNotFoundError):
        kept.read((tmp_path / "absent.yaml",))
    with pytest.raises(OSError, match=r"policy\.yaml"):
        kept.write(originals[0] / "kept", originals, contents)


def test_a_gateway_starts_from_one_file_given_twice(tmp_path: Path) -> None:
    providers = Providers()
    _, port = providers.add()
    extra = tmp_path / "policy-config.yaml"
    gateway = start(tmp_path, [port], POLICIES, "--policy-config", str(extra))
    try:
        assert extra.read_text() == document([port]) and gateway.chat().status_code == 200
    finally:
        stop(gateway)
        providers.close()
