from __future__ import annotations

import base64
import random
import string

import pytest

from extproc.detect.entities import EntityScanner
from extproc.detect.secrets import SECRETS, is_placeholder

SCANNER = EntityScanner(SECRETS)
ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.label, text[hit.start : hit.end]) for hit in SCANNER.find(text)]


def made(shape: str, rng: random.Random) -> str:
    """A value of this shape: `A20` is twenty letters and digits, `h32` hexadecimal, `l` lower case, `d` digits, `U` upper."""
    kinds = {
        "A": ALNUM,
        "h": "0123456789abcdef",
        "l": LOWER,
        "d": "123456789",
        "U": string.ascii_uppercase + "234567",
        "L": string.ascii_letters,
    }
    parts = [
        part if part[0] == "'" else "".join(rng.choices(kinds[part[0]], k=int(part[1:]))) for part in shape.split()
    ]
    return "".join(part.strip("'") for part in parts)


FORMATS = {
    "ANTHROPIC_KEY": "'sk-ant-api03-' A93 'AA'", "OPENAI_KEY": "'sk-proj-' A74 'T3BlbkFJ' A74", "OPENROUTER_KEY": "'sk-or-v1-' h64",
    "GROQ_KEY": "'gsk_' A52", "XAI_KEY": "'xai-' A80", "PERPLEXITY_KEY": "'pplx-' A48", "NVIDIA_KEY": "'nvapi-' A64",
    "REPLICATE_KEY": "'r8_' A37", "KEEPTRUSTS_KEY": "'kt_ak_' A32", "AWS_KEY": "'AKIA' U16", "GITHUB_TOKEN": "'ghp_' A36",
    "GITLAB_TOKEN": "'glpat-' A20", "SLACK_TOKEN": "'xoxb-' d12 '-' d12 '-' A24", "STRIPE_KEY": "'sk_live_' A24",
    "GOOGLE_KEY": "'AIzaSy' A33", "NPM_TOKEN": "'npm_' A36", "PYPI_TOKEN": "'pypi-AgEIcHlwaS5vcmc' A150", "HUGGINGFACE_TOKEN": "'hf_' L34",
    "SENDGRID_KEY": "'SG.' A22 '.' A43", "TWILIO_KEY": "'SK' h32", "DATABRICKS_TOKEN": "'dapi' h32", "DIGITALOCEAN_TOKEN": "'dop_v1_' h64",
    "TELEGRAM_TOKEN": "d10 ':AA' A33", "MAILGUN_KEY": "'key-' h32", "MAILCHIMP_KEY": "h32 '-us12'", "SHOPIFY_TOKEN": "'shpat_' h32",
    "GRAFANA_TOKEN": "'glsa_' A32 '_' h8", "LINEAR_KEY": "'lin_api_' A40", "NOTION_TOKEN": "'ntn_' d11 A35", "POSTMAN_KEY": "'PMAK-' h24 '-' h34",
    "VAULT_TOKEN": "'hvs.' A90", "TERRAFORM_TOKEN": "A14 '.atlasv1.' A67", "AIRTABLE_TOKEN": "'pat' A14 '.' h64",
}  # fmt: skip


@pytest.mark.parametrize("label", FORMATS)
@pytest.mark.parametrize("around", ["{}", "use {} please", '{{"stdout":"{}"}}', "({})", "key={}\n", "`{}`, then"])
def test_the_keys_of_a_provider_are_found_whole(label: str, around: str) -> None:
    rng = random.Random(label + around)
    values = [made(FORMATS[label], rng) for _ in range(40)]
    covered = [any(value in hit for _, hit in found(around.format(value))) for value in values]
    assert sum(covered) >= 0.97 * len(values)


def test_a_storage_key_is_found_by_its_name() -> None:
    key = base64.b64encode(random.Random(1).randbytes(64)).decode()
    assert found(f"AccountName=a;AccountKey={key};EndpointSuffix=x") == [("AZURE_STORAGE_KEY", key)]


def test_a_json_web_token_is_found_whole_whatever_its_length() -> None:
    head, body = (
        base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256"}', b'{"sub":"1"}' * 300)
    )
    token = f"{head}.{body}.c2lnbmF0dXJl"
    assert found(f"Bearer {token} and") == [("JWT", token)]
    assert not found("eyJub3QganNvbiBhdCBhbGw.eyJub3QganNvbiBhdCBhbGw.c2ln")


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("newline", ["\n", "\\n", "\r\n"])
def test_a_private_key_is_found_from_its_first_line_to_its_last(kind: str, newline: str) -> None:
    lines = [made("A64", random.Random(n)) for n in range(40)]
    key = newline.join([f"-----BEGIN {kind}PRIVATE KEY-----", *lines, f"-----END {kind}PRIVATE KEY-----"])
    assert found(f"here: {key} thanks") == [("PRIVATE_KEY", key)]


def test_a_private_key_that_is_cut_off_is_covered_as_far_as_it_goes() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkq\n" * 5
    assert found(key + "\nand then prose") == [("PRIVATE_KEY", key + "\nand")]


@pytest.mark.parametrize(
    ("text", "value"),
    [("postgres://app:UUaG3Y1s7Lyx@db.internal:5432/prod", "UUaG3Y1s7Lyx"), ("curl -u ana:9fK2mQ7xLp1z https://x", "9fK2mQ7xLp1z"),
     ("Authorization: Bearer a8Xk29Qmz71LpQw0Zr", "a8Xk29Qmz71LpQw0Zr"), ('api_key = "a0315346cfaa5f5ee0e90ff71fc46aeb"', "a0315346cfaa5f5ee0e90ff71fc46aeb"),
     ('"client_secret": "k3J9-xQ2m_V8b7Zt"', "k3J9-xQ2m_V8b7Zt"), ("DB_PASSWORD=h7Kq92Lmzx4", "h7Kq92Lmzx4"),
     ("<authToken>\n  f23927a4393e9ad813be6a9219b192e3\n</authToken>", "f23927a4393e9ad813be6a9219b192e3")],
)  # fmt: skip
def test_values_whose_name_or_place_says_secret_are_found(text: str, value: str) -> None:
    assert [hit for _, hit in found(text)] == [value]


@pytest.mark.parametrize(
    "text",
    ['api_key = os.environ["OPENAI_API_KEY"]', "token: ${GITHUB_TOKEN}", "password = {{ vault_password }}", "sk-your-key-goes-here-0123456789abcdef",
     "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "AKIAIOSFODNN7EXAMPLE", "secret_key = <YOUR SECRET KEY 12345>", "api_key=insert_key_here_123",
     "password: changeme123", "max_tokens: 4096", "token = tokenizer_v2.encode(text1)", "key = sha256(value2)", "auth: bearerTokenProvider2Impl()",
     "xoxb-xxx", "def get_api_key_from_user_id_2(self):", 'password = "password"', "private_key_path = /etc/ssl/key2.pem",
     "https://user:password@example.com/", "https://url:8000/", "a secret, well kept; the key to 2024"],
)  # fmt: skip
def test_placeholders_and_code_are_no_secrets(text: str) -> None:
    assert not found(text)


@pytest.mark.parametrize("prefix", ["chatcmpl-", "msg_", "call_", "toolu_", "srvtoolu_", "fp_", "resp_", "rs_", "fc_", "run_", "req_", "gen-", "file-", "asst_"])  # fmt: skip
def test_identifiers_that_models_and_their_apis_make_are_never_hits(prefix: str) -> None:
    rng = random.Random(prefix)
    for _ in range(60):
        value = prefix + "".join(
            rng.choices(rng.choice([ALNUM, LOWER, "0123456789abcdef"]), k=rng.choice([16, 24, 29, 50]))
        )
        for around in (
            '{{"id": "{}"}}',
            '{{"tool_call_id":"{}"}}',
            "{}",
            '"token": "{}"',
            '{{"key": "{}", "object": "x"}}',
        ):
            assert not found(around.format(value)), value


def test_a_placeholder_is_known_by_its_words_and_by_its_poverty() -> None:
    assert is_placeholder("your-api-key") and is_placeholder("abababababab") and not is_placeholder("k3J9-xQ2m")
