from __future__ import annotations

from pathlib import Path

import pytest

from extproc.identity.directory import KeyDirectory, Refusal
from extproc.identity.store import StoreError, TokenStore
from extproc.model import Consumer, Headers


def make(tmp_path: Path, kind: str = "access", expires_at: float | None = None) -> tuple[TokenStore, str, str]:
    store = TokenStore(tmp_path)
    token, key = store.create(kind, "ana", "payments", 0.0, expires_at)
    return store, token.id, key


def look(store: TokenStore, headers: Headers, now: float = 1.0) -> Consumer | Refusal:
    return KeyDirectory.of(store.all(), store.pepper(), now).lookup(headers, now)


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
def test_a_key_is_taken_from_every_usual_header(tmp_path: Path, header: str) -> None:
    store, token_id, key = make(tmp_path)
    value = f"bearer {key}" if header == "authorization" else key
    assert look(store, ((header, value),)) == Consumer(token_id, "ana", "payments")


def test_the_key_itself_is_stored_nowhere(tmp_path: Path) -> None:
    _, _, key = make(tmp_path)
    assert all(key.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert (tmp_path / "keys.db").stat().st_mode & 0o077 == 0


def test_no_key_and_wrong_keys_are_told_apart(tmp_path: Path) -> None:
    store, token_id, key = make(tmp_path)
    _, _, gateway = make(tmp_path, "gateway")
    _, _, old = make(tmp_path, expires_at=5.0)
    store.revoke(token_id, 2.0)
    cases = {
        (): "missing_api_key",
        (("authorization", "Bearer sk-proj-123"),): "invalid_api_key",
        (("authorization", f"Bearer kt_ak_{'x' * 32}"),): "invalid_api_key",
        (("authorization", f"Basic {key}"),): "missing_api_key",
        (("authorization", f"Bearer {key}"),): "revoked_api_key",
        (("x-api-key", gateway),): "wrong_key_type",
        (("x-api-key", old),): "expired_api_key",
        (("x-api-key", old), ("api-key", key)): "ambiguous_api_key",
    }
    for headers, reason in cases.items():
        found = look(store, headers, 9.0)
        assert isinstance(found, Refusal) and found.reason == reason


def test_a_directory_that_is_too_old_lets_nobody_in(tmp_path: Path) -> None:
    store, _, key = make(tmp_path)
    found = KeyDirectory.of(store.all(), store.pepper(), 0.0).lookup((("x-api-key", key),), 11.0)
    assert isinstance(found, Refusal) and found.reason == "keys_unavailable"


def test_a_damaged_store_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"keys\.db"):
        TokenStore(tmp_path).all()


def test_revoking_twice_says_so(tmp_path: Path) -> None:
    store, token_id, _ = make(tmp_path)
    assert store.revoke(token_id, 1.0)
    assert not store.revoke(token_id, 2.0)


def test_one_organisation_is_told_from_several_by_the_access_keys_that_were_ever_made(tmp_path: Path) -> None:
    store, token_id, _ = make(tmp_path)

    def several() -> bool:
        return KeyDirectory.of(store.all(), store.pepper(), 1.0).several

    assert not several()
    store.create("gateway", "edge", "", 0.0, None, "other")
    assert not several()
    eve, _ = store.create("access", "eve", "", 0.0, None, "other")
    assert several()
    store.revoke(eve.id, 2.0)
    store.revoke(token_id, 2.0)
    assert several()  # what was kept for them may be there still
