"""Credentials: JSON web tokens, PEM keys and providers' keys in the forms that their documentation gives.

Each is drawn at random when a test runs; none was ever issued, and none stands in a file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits
from typing import NamedTuple

from corpus import checksums
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ALNUM = ascii_letters + digits
TOKEN = ALNUM + "_-"
HEX = hexdigits[:16]
PLAIN = NoEncryption()


class Form(NamedTuple):
    """A key: literal text and, between it, (alphabet, length) to draw from."""

    kind: str
    parts: tuple[str | tuple[str, int], ...]


FORMS = (
    Form("openai", ("sk-proj-", (TOKEN, 74), "T3BlbkFJ", (TOKEN, 74))),
    Form("openai", ("sk-", (ALNUM, 20), "T3BlbkFJ", (ALNUM, 20))),
    Form("anthropic", ("sk-ant-api03-", (TOKEN, 93), "AA")),
    Form("openrouter", ("sk-or-v1-", (HEX, 64))),
    Form("groq", ("gsk_", (ALNUM, 52))),
    Form("xai", ("xai-", (ALNUM, 80))),
    Form("perplexity", ("pplx-", (ALNUM, 48))),
    Form("huggingface", ("hf_", (ascii_letters, 34))),
    Form("replicate", ("r8_", (ALNUM, 37))),
    Form("aws", ("AKIA", (ascii_uppercase + "234567", 16))),
    Form("aws", ("ASIA", (ascii_uppercase + "234567", 16))),
    Form("google", ("AIza", (TOKEN, 35))),
    Form("google-oauth", ("GOCSPX-", (TOKEN, 28))),
    Form("github-fine-grained", ("github_pat_", (ALNUM, 22), "_", (ALNUM, 59))),
    Form("gitlab", ("glpat-", (TOKEN, 20))),
    Form("slack", ("xoxb-", (digits, 12), "-", (digits, 12), "-", (ALNUM, 24))),
    Form(
        "slack-webhook",
        (
            "https://hooks.slack.com/services/T",
            (ascii_uppercase + digits, 10),
            "/B",
            (ascii_uppercase + digits, 10),
            "/",
            (ALNUM, 24),
        ),
    ),
    Form("stripe", ("sk_live_", (ALNUM, 24))),
    Form("stripe", ("rk_live_", (ALNUM, 24))),
    Form("sendgrid", ("SG.", (TOKEN, 22), ".", (TOKEN, 43))),
    Form("digitalocean", ("dop_v1_", (HEX, 64))),
    Form("databricks", ("dapi", (HEX, 32))),
    Form("shopify", ("shpat_", (HEX, 32))),
    Form("linear", ("lin_api_", (ALNUM, 40))),
    Form("postman", ("PMAK-", (HEX, 24), "-", (HEX, 34))),
    Form("new-relic", ("NRAK-", (ascii_uppercase + digits, 27))),
    Form("doppler", ("dp.pt.", (ALNUM, 43))),
    Form("pypi", ("pypi-AgEIcHlwaS5vcmc", (TOKEN, 120))),
    Form("telegram", ((digits[1:], 10), ":AA", (TOKEN, 33))),
)
CHECKED = {"ghp_": "github", "gho_": "github", "ghs_": "github", "npm_": "npm"}
"""Prefixes whose tokens end in a checksum."""


def provider_key(rng: Random, index: int) -> tuple[str, str]:
    """Forms in turn, as the provider's name and the key."""
    index %= len(FORMS) + len(CHECKED)
    if index < len(FORMS):
        form = FORMS[index]
        return form.kind, "".join(part if isinstance(part, str) else _draw(rng, *part) for part in form.parts)
    prefix = list(CHECKED)[index - len(FORMS)]
    body = _draw(rng, ALNUM, 30)
    return CHECKED[prefix], prefix + body + checksums.crc32(body)


def jwt(rng: Random, index: int) -> str:
    """Signed with HMAC-SHA-256, 384 and 512 in turn."""
    size = (256, 384, 512)[index % 3]
    claims = {
        "sub": _draw(rng, digits, 10),
        "name": _draw(rng, ascii_lowercase, 8),
        "iat": rng.randint(1_500_000_000, 1_900_000_000),
    }
    signed = f"{_url64({'alg': f'HS{size}', 'typ': 'JWT'})}.{_url64(claims)}"
    signature = hmac.digest(rng.randbytes(32), signed.encode(), getattr(hashlib, f"sha{size}"))
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def pem(rng: Random, index: int) -> str:
    """Ed25519 and P-256 keys that load, and the shape of RSA and OpenSSH keys, whose making cannot be seeded."""
    match index % 4:
        case 0:
            key = ed25519.Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
            return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PLAIN).decode().strip()
        case 1:
            point = ec.derive_private_key(rng.getrandbits(250) + 1, ec.SECP256R1())
            return point.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PLAIN).decode().strip()
        case 2:
            return _armoured("RSA PRIVATE KEY", b"\x30\x82\x04\xa4\x02\x01\x00" + rng.randbytes(1185))
        case _:
            return _armoured("OPENSSH PRIVATE KEY", b"openssh-key-v1\0" + rng.randbytes(380))


KINDS: dict[str, Callable[[Random, int], str]] = {
    "jwt": jwt,
    "pem": pem,
    "key": lambda rng, index: provider_key(rng, index)[1],
}


def _armoured(label: str, body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"))


def _url64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _draw(rng: Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))
