"""Hard negatives: numbers and names that look like values and are none."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from string import ascii_letters, digits, hexdigits

from corpus import checksums

ALNUM = ascii_letters + digits
HEX = hexdigits[:16]


def order_number(rng: Random, index: int) -> str:
    """As long as a card, often begun as one, and never with a right check digit."""
    body = rng.choice(("4", "51", "37", "6011", "35", "9")) + _draw(rng, digits, 14)
    body = body[: 12 + index % 4]
    wrong = rng.choice([digit for digit in digits if digit != checksums.luhn(body)])
    return body + wrong


def version(rng: Random, index: int) -> str:
    """Three parts, with a tag, or four parts of which one is too large for an address."""
    parts = [rng.randint(0, 40) for _ in range(3)]
    shown = ".".join(map(str, parts))
    return (shown, f"v{shown}-rc.{rng.randint(1, 9)}", f"{shown}.{rng.randint(1000, 30000)}")[index % 3]


def timestamp(rng: Random, index: int) -> str:
    """Seconds, milliseconds, ISO 8601 and compact, in turn."""
    seconds = rng.randint(1_400_000_000, 1_900_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return (str(seconds), str(seconds * 1000 + rng.randint(0, 999)), moment.isoformat(), f"{moment:%Y%m%d%H%M%S}")[
        index % 4
    ]


def isbn(rng: Random, index: int) -> str:
    body = rng.choice(("978", "979")) + _draw(rng, digits, 9)
    whole = body + checksums.ean13(body)
    return whole if index % 2 else "-".join((whole[:3], whole[3], whole[4:7], whole[7:12], whole[12]))


def digest(rng: Random, index: int) -> str:
    """MD5, SHA-1, SHA-256, a short commit and an integrity attribute, in turn."""
    data = rng.randbytes(16)
    match index % 5:
        case 0:
            return hashlib.md5(data).hexdigest()
        case 1:
            return hashlib.sha1(data).hexdigest()
        case 2:
            return hashlib.sha256(data).hexdigest()
        case 3:
            return hashlib.sha1(data).hexdigest()[:7]
        case _:
            return f"sha384-{base64.b64encode(hashlib.sha384(data).digest()).decode()}"


LLM_IDS = (
    ("chatcmpl-", ALNUM, 29), ("call_", ALNUM, 24), ("fp_", HEX, 10), ("resp_", HEX, 48), ("msg_", HEX, 48),
    ("rs_", HEX, 48), ("fc_", HEX, 48), ("msg_01", ALNUM, 22), ("toolu_01", ALNUM, 22), ("req_01", ALNUM, 22),
    ("run_", ALNUM, 24), ("thread_", ALNUM, 24), ("file-", ALNUM, 24), ("asst_", ALNUM, 24), ("chatcmpl-tool-", HEX, 32),
    ("gen-", digits, 10),
)  # fmt: skip


def llm_id(rng: Random, index: int) -> str:
    prefix, alphabet, count = LLM_IDS[index % len(LLM_IDS)]
    return prefix + _draw(rng, alphabet, count)


def signature(rng: Random, index: int) -> str:
    """What seals a thought, in both alphabets of Base64, and a small image, in turn."""
    data = rng.randbytes(rng.randint(48, 600))
    match index % 3:
        case 0:
            return base64.b64encode(data).decode()
        case 1:
            return base64.urlsafe_b64encode(data).decode().rstrip("=")
        case _:
            return f"data:image/png;base64,{base64.b64encode(data).decode()}"


KINDS: dict[str, Callable[[Random, int], str]] = {
    "order-number": order_number,
    "uuid": lambda rng, index: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
    "digest": digest,
    "version": version,
    "timestamp": timestamp,
    "isbn": isbn,
    "llm-id": llm_id,
    "signature": signature,
}


def _draw(rng: Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))
