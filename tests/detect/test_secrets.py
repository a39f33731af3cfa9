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
    "CEREBRAS_KEY": "'csk-' l48", "LANGSMITH_KEY": "'lsv2_pt_' h32 '_' h10", "LANGFUSE_KEY": "'sk-lf-' h8 '-' h4 '-' h4 '-' h4 '-' h12", "SUPABASE_KEY": "'sbp_' h40",
    "TAVILY_KEY": "'tvly-dev-' A32", "PINECONE_KEY": "'pcsk_' A6 '_' A63", "FIGMA_TOKEN": "'figd_' A40", "DOCKER_TOKEN": "'dckr_pat_' A27", "RESEND_KEY": "'re_' A8 '_' A24",
    "HUBSPOT_TOKEN": "'pat-na1-' h8 '-' h4 '-' h4 '-' h4 '-' h12", "SONAR_TOKEN": "'sqp_' h40", "NUGET_KEY": "'oy2' l43", "ADAFRUIT_KEY": "'aio_' A28", "OCTOPUS_KEY": "'API-' U26",
    "DISCORD_WEBHOOK": "'discord.com/api/webhooks/' d18 '/' A68", "MAXMIND_KEY": "A6 '_' A29 '_mmk'", "BUILDKITE_TOKEN": "'bkua_' h40", "TOGETHER_KEY": "'tgp_v1_' A43",
    "CONTENTFUL_TOKEN": "'CFPAT-' A43", "JINA_KEY": "'jina_' h32 A28", "ELEVENLABS_KEY": "'sk_' h48", "FIREWORKS_KEY": "'fw_' A24", "SLACK_WEBHOOK": "'hooks.slack.com/services/T' U10 '/B' U10 '/' A24",
    "VAULT_TOKEN": "'hvs.' A90", "TERRAFORM_TOKEN": "A14 '.atlasv1.' A67", "AIRTABLE_TOKEN": "'pat' A14 '.' h64",
}  # fmt: skip


@pytest.mark.parametrize("label", FORMATS)
@pytest.mark.parametrize("around", ["{}", "use {} please", '{{"stdout":"{}"}}', "({})", "key={}\n", "`{}`, then"])
def test_the_keys_of_a_provider_are_found_whole(label: str, around: str) -> None:
    rng = random.Random(label + around)
    values = [made(FORMATS[label], rng) for _ in range(40)]
    covered = [any(value in hit for _, hit in found(around.format(value))) for value in values]
    assert sum(covered) >= 0.97 * len(values)


def test_a_project_key_without_its_makers_mark_is_found_where_it_is_long() -> None:
    key = made("'sk-proj-' A60", random.Random(60))
    assert found(f"It was {key}.") == [("OPENAI_KEY", key)]
    assert not found("It was sk-proj-your-own-key-goes-here-as-you-have-made-it-in-the-settings-page.")


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
     ('password: "Ol{ive[3]Tr(ee}!"', "Ol{ive[3]Tr(ee}!"), ('{"password": "autumn2031"}', "autumn2031"), ('if (secret == "ff12c7:b0e4d9a1")', "ff12c7:b0e4d9a1"),
     ("https://ab12cd:f00dba11@gems.acme.io", "f00dba11"), ('<add key="ClearTextPassword" value="winter+Garden" />', "winter+Garden"),
     ("?sv=2031-01-01&sig=" + "aK3xQ7LmPz" * 3 + "dW82u%2BmZ9%2Fb1%3D&se=1", "aK3xQ7LmPz" * 3 + "dW82u%2BmZ9%2Fb1%3D"), ("artifactory: " + "aK3xQ7LmPzdW82uB" * 4, "aK3xQ7LmPzdW82uB" * 4), ("kind: Secret\ndata:\n  user: b2xpdmVydHdpc3Q=", "b2xpdmVydHdpc3Q="), ("data:\n  user: b2xpdmVydHdpc3Q=\nkind: secret\n", "b2xpdmVydHdpc3Q="),
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
     'authToken = "6f1c2b30-cd03-11ec-9d64-0a1b2c3d4e5f"', 'password: "${DB_PASSWORD_2}"', 'password: "{{vault.db_1}}"', "xoxp-1234-1234-1234-0a1b2c3d4e5f60718293a4b5c6d7e8f9",
     'password: "^[a-z0-9]{8,}$"', '<input type="password" id="field2">', 'token: "https://a1b2.io/c3d4"', 'kind: ConfigMap\ndata:\n  user: b2xpdmVydHdpc3Q=',
     '<add key="Password" value="%NUGET_PASSWORD1%" />', '"starts_at_token": "2031-01-01T10:00:00Z"', "GR1348941" + "ab1" * 20, "key=abcd1234efgh{x}",
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
