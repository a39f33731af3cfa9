"""Rules for credentials: the providers' own key formats, tokens, private keys, and values whose name says what they are.

Formats are from the providers' documentation. A placeholder is no secret: `sk-your-key`, `${TOKEN}`, `xxxx`.
Identifiers that models and their APIs make (`chatcmpl-…`, `call_…`) look random but open nothing.
"""

from __future__ import annotations

import base64
import binascii
from itertools import pairwise

import orjson
import re2

from extproc.detect.entities import Accept, EntityRule
from extproc.detect.validators import entropy

_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_PEM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\\n\r"
_WORD = frozenset(_KEY) - {"-"}
_PLACEHOLDER = (
    "example", "xxxx", "your", "placeholder", "redacted", "changeme", "change_me", "change-me", "insert", "replace",
    "dummy", "put_", "_here", "-here", "****", "....", "####", "______", "------", "%s", "%(", "…", "0000000000",
    "1234567890123", "1234-1234", "aaaaaaaa", "environ", "getenv", "process.env", "secrets.",
    "vault(", "todo", "token",
)  # fmt: skip
_NAME = "[A-Za-z0-9_.:/ |-]{1,64}"
_TEMPLATES = (rf"\$\{{{_NAME}\}}", rf"\{{\{{{_NAME}\}}\}}", rf"\$\({_NAME}\)", "<[^<>]{1,64}>", rf"%\{{{_NAME}\}}")
"""A whole one is filled in by somebody else; a brace or two are characters of a password."""

_STANDS_FOR = re2.compile(f"(?i)here$|{'|'.join([*map(re2.escape, _PLACEHOLDER), *_TEMPLATES])}")
_OPAQUE = (
    "chatcmpl-", "cmpl-", "msg_", "call_", "toolu_", "srvtoolu_", "fp_", "resp_", "rs_", "fc_", "run_", "thread_", "asst_",
    "file-", "req_", "item_", "ws_", "mcp_", "mcpr_", "ci_", "ig_", "gen-", "batch_", "step_", "ftjob-", "vs_", "evt_",
)  # fmt: skip
"""How the ids of completions, messages, tool calls and the like begin."""


_MASK = frozenset("#*<$…")
"""What goes on like this was masked by its author; a tag that ends an element is none."""


def is_placeholder(value: str) -> bool:
    """Whether a value stands for a secret instead of being one."""
    return (
        len(set(value)) < min(6, len(value) // 2 + 1)
        or _STANDS_FOR.search(value.encode("utf-8", "replace")) is not None
    )


def _key(least: float = 3.0, *, digit: bool = True) -> Accept:
    """A judge for keys: not inside a longer word, no placeholder, at least so many bits of entropy per character."""

    def accept(found: str, before: str, after: str) -> bool:
        masked = after[:1] in _MASK and after != "</"
        if masked or before[-1:] in _WORD or (digit and _has_no_digit(found)) or is_placeholder(found):
            return False
        return entropy(found) >= least

    return accept


_KEYS = _key()


def _letters(least: float) -> Accept:
    """As `_key`, for formats that may come without a digit."""
    return _key(least, digit=False)


def _exact(found: str, before: str, after: str) -> bool:
    """A key of fixed length: a longer run of the same characters is something else."""
    return after[:1] not in _WORD and _LAX(found, before, after)


_LAX = _key(2.5)


def _mixed_case(found: str, before: str, after: str) -> bool:
    """Letters only, so both cases must be there: a long identifier has words in it, hence fewer changes of case."""
    return (
        after[:1] not in _WORD
        and found.lower() != found
        and found[3:].upper() != found[3:]
        and _letters(3.5)(found, before, after)
    )


def _upper_and_digit(found: str, before: str, after: str) -> bool:
    return (
        any(c.isupper() for c in found[2:])
        and any(c.isdigit() for c in found)
        and before[-1:] not in (".", "/", "-")
        and _exact(found, before, after)
    )


def _azure(found: str, before: str, after: str) -> bool:
    return before[-1:] not in ("~", ".", "-", "+", "/") and after[:1] != "~" and _exact(found, before, after)


def _openai_project(found: str, before: str, after: str) -> bool:
    """OpenAI's keys carry `OpenAI` in Base64 in their middle; a random run without it is a key from 64 characters on.

    Shorter ones are mostly the examples of other makers' documentation.
    """
    return (len(found) >= 64 or "T3BlbkFJ" in found) and _KEYS(found, before, after)


def _any(found: str, before: str, after: str) -> bool:
    return before[-1:] not in _WORD


def _curl_password(found: str, before: str, after: str) -> bool:
    return _is_random(found, quoted=True) and _password(found, before, after)


def _bearer(found: str, before: str, after: str) -> bool:
    """A token in a header, unless it is one of the words that stand for one."""
    return any(c.isdigit() for c in found) and not is_placeholder(found) and entropy(found) >= 3


def _jwt(found: str, before: str, after: str) -> bool:
    """A token whose header is JSON, so no two words with a full stop between them."""
    header = found.partition(".")[0]
    try:
        readable = isinstance(orjson.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))), dict)
    except (orjson.JSONDecodeError, binascii.Error):
        return False
    return readable and before[-1:] not in _WORD


def _password(found: str, before: str, after: str) -> bool:
    """What stands where a password stands, if it is written out."""
    return (
        not is_placeholder(found)
        and found.lower() not in _WORDS_FOR_PASSWORDS
        and found[:1] not in ("$", "%", "{", "[")
    )


_WORDS_FOR_PASSWORDS = frozenset({"password", "passwd", "pass", "pwd", "token", "secret", "username", "user", "apikey"})


def _named(found: str, before: str, after: str) -> bool:
    """A value whose name says secret: written out, and as random as generated ones are."""
    if after[:1] in ("(", "[", "{") or _has_no_digit(found) or is_placeholder(found) or _is_identifier(found):
        return False
    return _is_random(found, quoted=before.rstrip()[-1:] in ("'", '"', "`", ">"))


def _quoted(found: str, before: str, after: str) -> bool:
    """As `_named`, for what stands between quotes: there a password may have any character."""
    if is_placeholder(found) or _is_identifier(found) or "://" in found or found[0] == "^" or found[-1] == "$":
        return False
    letters = sum(map(str.isalpha, found))
    return letters >= 3 and (len(_MARKS.intersection(found)) >= 4 or _is_random(found, quoted=True))


def _plain_password(found: str, before: str, after: str) -> bool:
    """What somebody chose to remember: letters, and a digit or a mark, in quotes behind the word itself."""
    return (
        _password(found, before, after)
        and not (_has_no_digit(found) and _MARKS.isdisjoint(found))
        and any(map(str.isalpha, found))
        and not any(mark in found for mark in ("(", "->", "://", "{"))
        and found[0] not in "/.^"
    )


def _encoded(found: str, before: str, after: str) -> bool:
    return len(found.rstrip("=")) % 4 != 1 and not is_placeholder(found)


def _xml_password(found: str, before: str, after: str) -> bool:
    return _password(found, before, after) and not (found[0] == found[-1] == "%")


def _is_identifier(value: str) -> bool:
    """The id of a model's answer or call; a UUID made from the time (RFC 9562, version 1), which anybody could make."""
    return value.lower().startswith(_OPAQUE) or (len(value) == 36 and value[14] == "1" and value[8] == value[13] == "-")


_MARKS = frozenset("!#$%^&*(){}[]<>~|;@+?")


def _has_no_digit(text: str) -> bool:
    return len(text.translate(_NO_DIGITS)) == len(text)


_NO_DIGITS = str.maketrans("", "", "0123456789")


def _is_random(value: str, *, quoted: bool) -> bool:
    """Letters and digits mixed as no identifier, word, version or date mixes them, or a long number."""
    digits = sum([c in "0123456789" for c in value])
    if digits == len(value):
        return digits >= 15 and entropy(value) >= 2.5
    if not digits or sum(map(str.isalpha, value)) < 2 or "->" in value or "(" in value or value[0] in "/.":
        return False
    bits = entropy(value)
    if bits >= 4 and value.lower() != value and len(value) >= 20:
        return True
    changes = sum([(a in "0123456789") != (b in "0123456789") for a, b in pairwise(value)])
    return changes >= (2 if quoted else 3) and bits >= (3.0 if len(value) >= 14 else 2.75)


def _rule(
    label: str, expression: str, max_length: int, accept: Accept = _KEYS, *, tail: str = "", gate: str = ""
) -> EntityRule:
    return EntityRule(label, expression, max_length, accept, tail=tail, gate=gate)


def _long(label: str, expression: str, max_length: int, accept: Accept = _KEYS) -> EntityRule:
    """A key without a longest length."""
    return EntityRule(label, expression, max_length, accept, tail=_KEY)


_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

PROVIDER_KEYS = (
    _long("ANTHROPIC_KEY", r"sk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_-]{24,200}", 220),
    _long("OPENROUTER_KEY", r"sk-or-(?:v1-)?[0-9a-f]{32,64}", 73),
    _long("OPENAI_KEY", r"sk-(?:proj|svcacct|admin|service|None)-[A-Za-z0-9_-]{40,200}", 211, _openai_project),
    _long("OPENAI_KEY", r"\bsk-[A-Za-z0-9]{32,64}", 67),
    _long("GROQ_KEY", r"\bgsk_[A-Za-z0-9]{40,64}", 68),
    _long("XAI_KEY", r"\bxai-[A-Za-z0-9]{60,100}", 104),
    _long("PERPLEXITY_KEY", r"\bpplx-[A-Za-z0-9]{40,64}", 69),
    _long("NVIDIA_KEY", r"\bnvapi-[A-Za-z0-9_-]{40,80}", 86),
    _rule("REPLICATE_KEY", r"\br8_[A-Za-z0-9]{37}\b", 40, _exact),
    _long("KEEPTRUSTS_KEY", r"\bkt_[a-z]{2}_[A-Za-z0-9_-]{20,64}", 70),
    _rule("AWS_KEY", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", 20, _letters(2.5)),
    _rule(
        "AWS_SECRET",
        r"(?i:aws|amazon)[A-Za-z_.-]{0,20}(?i:secret|key)[A-Za-z_.-]{0,20}[\"']?[ \t]{0,4}(?:=>|:=|=|:)[ \t]{0,4}[\"']?([A-Za-z0-9/+]{40})\b",
        104,
        _letters(3.5),
    ),
    _rule("AWS_BEDROCK_KEY", r"\bABSK[A-Za-z0-9+/]{100,200}={0,2}", 206),
    _rule("GITHUB_TOKEN", r"\bgh[pousr]_[A-Za-z0-9]{36,255}", 259),
    _long("GITHUB_TOKEN", r"\bgithub_pat_[A-Za-z0-9_]{36,255}", 266),
    _long(
        "GITLAB_TOKEN",
        r"\bgl(?:pat|dt|rt|rtr|cbt|ft|imt|soat|ffct|wt)-[A-Za-z0-9_=-]{20,64}(?:\.[a-z0-9]{8,12})?",
        84,
        _letters(3.0),
    ),
    _long("GITLAB_TOKEN", r"\bglagent-[A-Za-z0-9_-]{50}", 58, _exact),
    _rule("GITLAB_TOKEN", r"\bglptt-[0-9a-f]{40}\b", 46, _exact),
    _rule("GITLAB_TOKEN", r"\bgloas-[A-Za-z0-9]{64}\b", 70, _exact),
    _rule("GITLAB_TOKEN", r"\bGR1348941[A-Za-z0-9_-]{20,50}", 59, _exact),
    _rule("GITLAB_TOKEN", r"_gitlab_session=([0-9a-z]{32})\b", 48),
    _long(
        "SLACK_TOKEN", r"\b(?i:xox[abeoprs])-(?:[0-9]{1,2}-)?[0-9A-Z]{6,64}-?[A-Za-z0-9-]{8,200}", 273, _letters(2.8)
    ),
    _long("SLACK_TOKEN", r"\b(?:xoxe\.xox[bp]-[0-9]|xapp-[0-9]|xoxe-[0-9])-[A-Za-z0-9-]{20,300}", 312),
    _rule(
        "SLACK_WEBHOOK", r"(?:https://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,100}", 134
    ),
    _rule("TEAMS_WEBHOOK", r"(?:https://)?[a-z0-9-]{1,63}\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{80,200}", 301),
    _rule("STRIPE_KEY", r"\b(?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,247}", 255, _letters(3.0)),
    _rule("STRIPE_KEY", r"\bwhsec_[A-Za-z0-9+/]{32,64}", 70),
    _rule("GOOGLE_KEY", r"\bAIza[A-Za-z0-9_-]{35}", 39, _exact),
    _rule("GOOGLE_KEY", r"\bGOCSPX-[A-Za-z0-9_-]{28}", 35, _exact),
    _long("GOOGLE_TOKEN", r"\bya29\.[A-Za-z0-9_-]{30,400}", 405),
    _rule("NPM_TOKEN", r"\bnpm_[A-Za-z0-9]{36}\b", 40, _exact),
    _long("PYPI_TOKEN", r"\bpypi-AgE[A-Za-z0-9_-]{90,300}", 308),
    _rule("HUGGINGFACE_TOKEN", r"\b(?:hf_|api_org_)[A-Za-z]{34}\b", 42, _mixed_case),
    _rule("HUGGINGFACE_TOKEN", r"\bhf_[A-Za-z0-9]{34,40}\b", 43, _exact),
    _long("SENDGRID_KEY", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", 100),
    _rule("SENDGRID_KEY", r"\bSG\.[A-Za-z0-9=_.-]{66}", 69, _exact),
    _rule("TWILIO_KEY", r"\bSK[0-9a-fA-F]{32}\b", 34, _exact),
    _rule(
        "AZURE_STORAGE_KEY",
        r"\b(?i:accountkey|storage_?key|sharedaccesskey)[\"']?[ ]{0,2}[=:][ ]{0,2}[\"']?([A-Za-z0-9+/]{43,86}={1,2})",
        110,
    ),
    _rule("AZURE_SECRET", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", 40, _azure),
    _rule("DATABRICKS_TOKEN", r"\bdapi[0-9a-f]{32}(?:-[0-9])?\b", 38, _exact),
    _rule("DATABRICKS_TOKEN", r"\bdapi[a-z0-9]{32}(?:-[0-9])?\b", 38, _exact),
    _rule("DIGITALOCEAN_TOKEN", r"\bdo[opr]_v1_[0-9a-f]{64}", 71, _exact),
    _rule("TELEGRAM_TOKEN", r"\b[0-9]{5,16}:A[A-Za-z0-9_-]{34}", 52, _exact),
    _rule("MAILGUN_KEY", r"\b(?:key|pubkey)-[0-9a-f]{32}\b", 39, _exact),
    _rule("MAILCHIMP_KEY", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", 37, _exact),
    _long("BREVO_KEY", r"\bxkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", 89),
    _rule("SHOPIFY_TOKEN", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", 38, _exact),
    _rule("SQUARE_TOKEN", r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{22,43}", 50),
    _rule("SQUARE_TOKEN", r"\bEAAA[A-Za-z0-9_-]{22,60}", 64, _letters(3.5)),
    _rule("FACEBOOK_TOKEN", r"\bEAA[MC][A-Za-z0-9]{100,300}", 304),
    _rule("FACEBOOK_TOKEN", r"\b[0-9]{15,16}(?:\||%)[A-Za-z0-9_-]{27,40}", 57, _exact),
    _rule("DISCORD_TOKEN", r"\b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}", 72, _exact),
    _long("GRAFANA_TOKEN", r"\bgl(?:sa|c)_[A-Za-z0-9+/]{30,400}(?:_[0-9a-f]{8})?={0,2}", 416),
    _long("GRAFANA_TOKEN", r"\beyJrIjoi[A-Za-z0-9]{60,400}={0,2}", 410),
    _long("NEWRELIC_KEY", r"\b(?:NRAK-[A-Za-z0-9]{27}|NRII-[A-Za-z0-9-]{32}|NRJS-[a-f0-9]{19})", 37),
    _long("DYNATRACE_TOKEN", r"\bdt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}", 96),
    _long("LINEAR_KEY", r"\blin_(?:api|oauth)_[A-Za-z0-9]{40,64}", 74),
    _long("NOTION_TOKEN", r"\b(?:ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})", 50),
    _rule("PLANETSCALE_TOKEN", r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,64}", 77, tail=_KEY + "=."),
    _long("ATLASSIAN_TOKEN", r"\bAT(?:ATT|CTT|BB)3[A-Za-z0-9_=-]{50,300}", 306),
    _rule("POSTMAN_KEY", r"\bPMAK-[0-9a-fA-F]{24}-[0-9a-fA-F]{34}", 64),
    _rule("PREFECT_KEY", r"\bpnu_[A-Za-z0-9]{36}", 40, _exact),
    _rule("README_KEY", r"\brdme_[a-z0-9]{70}", 75),
    _rule("RUBYGEMS_KEY", r"\brubygems_[0-9a-f]{48}", 57),
    _long("SENTRY_TOKEN", r"\bsntry[su]_[A-Za-z0-9+/=_]{60,400}", 407),
    _rule("SHIPPO_TOKEN", r"\bshippo_(?:live|test)_[0-9a-fA-F]{40}", 52),
    _rule("EASYPOST_KEY", r"\bEZ[AT]K[A-Za-z0-9]{54}\b", 58, _exact),
    _rule("TYPEFORM_TOKEN", r"\btfp_[A-Za-z0-9_.=-]{59}", 63),
    _rule("SETTLEMINT_TOKEN", r"\bsm_(?:aat|pat|sat)_[A-Za-z0-9]{16}\b", 23, _exact),
    _rule("CLOJARS_TOKEN", r"\bCLOJARS_[a-z0-9]{60}", 68),
    _long("FLUTTERWAVE_KEY", r"\bFLW(?:PUBK|SECK)(?:_TEST)?-[0-9a-fA-F]{12,32}(?:-X)?", 47, _letters(2.5)),
    _rule("FRAMEIO_TOKEN", r"\bfio-u-[A-Za-z0-9_=-]{64}", 70),
    _rule("DEFINED_TOKEN", r"\bdnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}", 85),
    _rule("INFRACOST_KEY", r"\bico-[A-Za-z0-9]{32}\b", 36, _upper_and_digit),
    _rule("ARTIFACTORY_KEY", r"\bAKC[A-Za-z0-9]{10,80}\b", 83, _exact),
    _rule("ARTIFACTORY_KEY", r"(?i:jfrog|artifactory)[^\n]{0,24}[\"'=: ]([A-Za-z0-9]{64,73})\b", 109, _letters(3.5)),
    _rule("ALIBABA_KEY", r"\bLTAI[A-Za-z0-9]{16,24}\b", 28, _exact),
    _long("VAULT_TOKEN", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,200}", 204),
    _rule("VAULT_TOKEN", r"\bs\.[A-Za-z0-9]{24}\b", 26, _upper_and_digit),
    _rule("TERRAFORM_TOKEN", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", 93),
    _rule(
        "ONEPASSWORD_KEY",
        r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        40,
        _exact,
    ),
    _long("ONEPASSWORD_TOKEN", r"\bops_eyJ[A-Za-z0-9+/]{100,500}={0,3}", 510),
    _rule("SOURCEGRAPH_TOKEN", r"\bsgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}\b", 61, _exact),
    _long("HEROKU_KEY", r"\bHRKU-A[A-Za-z0-9_-]{50,70}", 76),
    _rule("FLY_TOKEN", r"\bfm[12][ar]?_[A-Za-z0-9+/]{80,500}={0,3}", 508),
    _long("OPENSHIFT_TOKEN", r"\bsha256~[A-Za-z0-9_-]{43}", 50),
    _long(
        "YANDEX_TOKEN",
        r"\b(?:t1\.[A-Za-z0-9_-]{40,200}={0,2}\.[A-Za-z0-9_-]{40,100}|YC[A-Za-z0-9_-]{38}\b|AQVN[A-Za-z0-9_-]{35,38})",
        306,
    ),
    _long("CLOUDFLARE_KEY", r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{146}", 176),
    _rule("AIRTABLE_TOKEN", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b", 82),
    _long("DOPPLER_TOKEN", r"\bdp\.(?:pt|st|sa|ct)\.[A-Za-z0-9._-]{40,80}", 86),
    _long("DROPBOX_TOKEN", r"\bsl\.[A-Za-z0-9_=-]{130,200}", 203),
    _rule("CEREBRAS_KEY", r"\bcsk-[a-z0-9]{48}\b", 52, _exact),
    _rule("LANGSMITH_KEY", r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b", 51, _exact),
    _rule("LANGFUSE_KEY", rf"\bsk-lf-{_UUID}\b", 42, _exact),
    _rule("SUPABASE_KEY", r"\bsbp_(?:oauth_)?[0-9a-f]{40}\b", 50, _exact),
    _long("SUPABASE_KEY", r"\bsb_secret_[A-Za-z0-9_-]{30,50}", 60),
    _long("TAVILY_KEY", r"\btvly-(?:dev-|prod-)?[A-Za-z0-9]{32}", 42),
    _long("PINECONE_KEY", r"\bpcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,70}", 84),
    _long("FIGMA_TOKEN", r"\bfig[dor]_[A-Za-z0-9_-]{40}", 45),
    _long("DOCKER_TOKEN", r"\bdckr_[po]at_[A-Za-z0-9_-]{27,32}", 41),
    _rule("RESEND_KEY", r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b", 36, _exact),
    _rule("HUBSPOT_TOKEN", rf"\bpat-(?:na|eu|ap)[0-9]-{_UUID}\b", 44, _exact),
    _rule("SONAR_TOKEN", r"\bsq[uap]_[0-9a-f]{40}\b", 44, _exact),
    _rule("NUGET_KEY", r"\boy2[a-z0-9]{43}\b", 46, _exact),
    _rule("ADAFRUIT_KEY", r"\baio_[A-Za-z0-9]{28}\b", 32, _exact),
    _rule("OCTOPUS_KEY", r"\bAPI-[A-Z0-9]{26}\b", 30, _exact),
    _rule("DISCORD_WEBHOOK", r"(?:https://)?discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,72}", 129),
    _rule("MAXMIND_KEY", r"\b[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk\b", 40, _exact),
    _rule("BUILDKITE_TOKEN", r"\bbkua_[0-9a-f]{40}\b", 45, _exact),
    _long("TOGETHER_KEY", r"\btgp_v1_[A-Za-z0-9_-]{43}", 50),
    _long("CONTENTFUL_TOKEN", r"\bCFPAT-[A-Za-z0-9_-]{43}", 49),
    _long("JINA_KEY", r"\bjina_[0-9a-f]{32}[A-Za-z0-9_-]{28}", 65),
    _rule("ELEVENLABS_KEY", r"\bsk_[0-9a-f]{48}\b", 51, _exact),
    _rule("FIREWORKS_KEY", r"\bfw_[A-Za-z0-9]{22,24}\b", 27, _letters(3.5)),
    _rule("AZURE_SAS", r"\bsig=((?:[A-Za-z0-9]|%2[BbFf]){40,46}%3[Dd])", 145, _letters(3.5)),
    _rule("INTRA42_SECRET", r"\bs-s4t2(?:ud|af)-[0-9a-f]{64}", 73),
    _rule(
        "PLAID_TOKEN",
        r"\baccess-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        55,
    ),
    _long("PULUMI_TOKEN", r"\bpul-[0-9a-f]{40}\b", 44),
    _long("TAILSCALE_KEY", r"\btskey-[a-z]{3,8}-[A-Za-z0-9_-]{20,80}", 95),
    _long("AGE_KEY", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}", 74),
    _long("MAPBOX_TOKEN", r"\b[ps]k\.[a-z0-9]{60,100}\.[A-Za-z0-9_-]{22}", 126),
    _long("TWITTER_TOKEN", r"\bA{22}[A-Za-z0-9%]{50,120}", 142, _any),
    _long(
        "AUTHRESS_KEY",
        r"\b(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}",
        204,
    ),
)

TOKENS = (
    _rule(
        "JWT",
        r"\beyJ[A-Za-z0-9_-]{10,900}\.eyJ[A-Za-z0-9_-]{10,900}(?:\.[A-Za-z0-9_-]{0,600})?",
        2408,
        _jwt,
        tail=_KEY + ".",
        gate=r"\beyJ[A-Za-z0-9_-]{10}",
    ),
    EntityRule(
        "PRIVATE_KEY",
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        72,
        None,
        tail=_PEM,
        closing="-----END",
    ),
    _rule(
        "URL_PASSWORD",
        r"[a-z][a-z0-9+.-]{1,24}://[^\s:/@\"'<>]{0,64}:([^\s:/@\"'<>]{3,128})@[A-Za-z0-9\[]",
        223,
        _password,
    ),
    _rule(
        "CURL_PASSWORD",
        r"(?:\B-u ?|\B--user[ =])[\"']?[A-Za-z0-9._@-]{1,64}:[\"']?([^\s\"':]{4,128})",
        202,
        _curl_password,
    ),
    _rule(
        "BEARER_TOKEN",
        r"(?i:authorization|proxy-authorization)[\"']?[ ]{0,2}[=:][ ]{0,2}[\"']?(?i:bearer|basic|token|apikey)[ ]{1,2}([A-Za-z0-9._~+/=-]{16,500})",
        534,
        _bearer,
        tail=_KEY + ".~+/=",
    ),
)

NAMED = (
    _rule(
        "SECRET",
        r"(?i:key|token|secret|passw(?:or)?d|passwd|pwd|credentials?|auth)(?:[A-Za-z0-9]{0,1}|[_.-][A-Za-z0-9_.-]{0,24})"
        r"(?:[\"'\]]{0,2}[ \t]{0,4}(?:string )?(?:=>|[?:.+!=]{0,3}=|:|,)[ \t]{0,4}|>\s{0,12}|[\"']? value=)"
        r"(?:[\"'`]{1,3}|)([^\s\"'`,;<>\\:(){}\[\]]{8,200})",
        260,
        _named,
        tail=_KEY + "+/=:.",
    ),
    _rule(
        "SECRET",
        r"(?i:token|secret|passw(?:or)?d|passwd|pwd|pass|credentials?|(?:api|access|private)[_-]?key)[\"'\]]{0,2}[ \t]{0,4}"
        r"(?:=>|[?:.+!=]{0,3}=|:|)[ \t]{0,4}[\"'`]([^\s\"'`\\]{8,128})[\"'`]",
        155,
        _quoted,
    ),
    _rule(
        "SECRET",
        r"\b(?i:(?:[a-z0-9]{1,24}[_.-]){0,3}(?:passw(?:or)?d|passwd|pwd|passphrase))[\"'\]]{0,2}[ \t]{0,4}"
        r"(?:=>|:?=|:)[ \t]{0,4}[\"'`]([^\s\"'`\\]{6,64})[\"'`]",
        163,
        _plain_password,
    ),
    _rule(
        "SECRET",
        r"kind: ?[\"']?(?i:secret)\b[^{}]{0,160}\bdata:[ \t]{0,4}\n[ \t]{1,8}[A-Za-z0-9_.-]{1,64}:[ \t]{1,4}[\"']?([A-Za-z0-9+/]{8,500}={0,2})",
        763,
        _encoded,
        tail=_KEY + "+/=",
    ),
    _rule(
        "SECRET",
        r"\bdata:[ \t]{0,4}\n[ \t]{1,8}[A-Za-z0-9_.-]{1,64}:[ \t]{1,4}[\"']?([A-Za-z0-9+/]{8,500}={0,2})[\"']?\s{1,8}kind: ?[\"']?(?i:secret)\b",
        612,
        _encoded,
    ),
    _rule(
        "SECRET",
        r"<add key=[\"'](?i:cleartextpassword|password)[\"'][ \t]{1,4}value=[\"']([^\"'\n]{6,128})[\"']",
        168,
        _xml_password,
    ),
)
"""The first asks for chance, the second for any characters between quotes, the third for a password by its very name.

Kubernetes keeps the values of a Secret in Base64 (core/v1); NuGet writes passwords as
`<add key="ClearTextPassword" value="…" />` (nuget.config reference).
"""

SECRETS = (*PROVIDER_KEYS, *TOKENS, *NAMED)
