"""The clients that a developer points at a gateway, and what to write into each: the one table of it.

`kt connect` prints it with a real URL and key, docs/ides.md shows it with placeholders, and a test compares the two.
Everything that goes into a text was checked before (`Place`), so no quoting rule of any language can be broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from extproc.identity.keys import PREFIXES, well_formed
from extproc.model import ExtprocError

KEY_PLACEHOLDER = "YOUR_ACCESS_KEY"
KEY_VARIABLE = "KEEPTRUSTS_ACCESS_KEY"
MODEL = "gpt-4o-mini"
_CLAUDE = "claude-sonnet-5-5"

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_CONTEXT = 128_000
"""Tokens. Zed wants a number; a larger one is the developer's to write."""


class PlaceError(ExtprocError):
    """The user's: a URL, a model or a key that no client could use."""

    code = "place"


@dataclass(frozen=True, slots=True)
class Place:
    """A gateway as a client sees it: `scheme`, `authority` and `path` of its base URL, which ends in `/v1`."""

    scheme: str
    authority: str
    path: str
    models: tuple[str, ...]
    key: str

    @property
    def url(self) -> str:
        """What most clients call the base URL."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def root(self) -> str:
        """The same without `/v1`, for those that append it."""
        return self.url.removesuffix("/v1")

    @property
    def model(self) -> str:
        """The first, for clients that take one."""
        return self.models[0]


def place(url: str, models: Sequence[str] = (MODEL,), key: str = "") -> Place:
    """A gateway, checked. Without a path the URL gets `/v1`. Raises PlaceError, which never shows a key."""
    try:
        parts = urlsplit(url)
        authority, path = parts.netloc, parts.path.rstrip("/") or "/v1"
        number = parts.port  # raises for one that is out of range
    except ValueError as error:
        raise PlaceError(f"--url: not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not _AUTHORITY.fullmatch(authority) or number == 0:
        raise PlaceError("--url: expected https://HOST/v1, like https://gateway.yourcompany.com/v1")
    if parts.query or parts.fragment or not _PATH.fullmatch(path) or not path.endswith("/v1"):
        raise PlaceError("--url: expected a path that ends in /v1, and nothing after it")
    for model in models:
        if not _MODEL.fullmatch(model):
            raise PlaceError(f"--model: {model!r} is not a model's name")
    if key.startswith(PREFIXES["gateway"]):
        raise PlaceError("this is a gateway key; a client needs an access key: kt tokens create --name NAME")
    if key and not well_formed(key):
        raise PlaceError(f"this is not an access key, which is {PREFIXES['access']} and 32 letters or digits")
    return Place(parts.scheme, authority, path, tuple(models), key or KEY_PLACEHOLDER)


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to write: where, in which language, and the text for a place."""

    where: str
    language: str
    text: Callable[[Place], str]


@dataclass(frozen=True, slots=True)
class Client:
    """`seed` is its row of Keeptrusts' page, empty where that has none; `notes` are for whoever sets it up.

    `model` is what it is set to where nobody names one.
    """

    name: str
    title: str
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    seed: str = ""
    model: str = MODEL


def _json(value: object) -> str:
    return json.dumps(value, indent=2)


def _continue_yaml(at: Place) -> str:
    rows = ["name: Keeptrusts", "version: 1.0.0", "schema: v1", "models:"]
    for model in at.models:
        rows += [
            f'  - name: "{model}"',
            "    provider: openai",
            f'    model: "{model}"',
            f'    apiBase: "{at.url}"',
            f"    apiKey: ${{{{ secrets.{KEY_VARIABLE} }}}}",
            "    useResponsesApi: false",
            "    roles: [chat, edit, apply]",
        ]
    return "\n".join(rows)


def _continue_json(at: Place) -> str:
    fields = {"provider": "openai", "apiBase": at.url, "apiKey": at.key}
    return _json({"models": [{"title": model, "model": model, **fields} for model in at.models]})


def _cursor(at: Place) -> str:
    models = ", ".join(at.models)
    url = f"{at.root}/cursor/v1"
    return f"OpenAI API Key            {at.key}\nOverride OpenAI Base URL  {url}\nAdd model                 {models}"


def _zed_models(at: Place) -> list[dict[str, object]]:
    return [{"name": model, "display_name": model, "max_tokens": _CONTEXT} for model in at.models]


def _zed(at: Place) -> str:
    provider = {"api_url": at.url, "available_models": _zed_models(at)}
    return _json({"language_models": {"openai_compatible": {"keeptrusts": provider}}})


def _zed_openai(at: Place) -> str:
    return _json({"language_models": {"openai": {"api_url": at.url, "available_models": _zed_models(at)}}})


def _gptel(at: Place) -> str:
    return "\n".join(
        (
            '(gptel-make-openai "Keeptrusts"',
            f'  :protocol "{at.scheme}"',
            f'  :host "{at.authority}"',
            f'  :endpoint "{at.path}/chat/completions"',
            "  :stream t",
            f'  :key "{at.key}"',
            f"  :models '({' '.join(at.models)}))",
        )
    )


def _codecompanion(at: Place) -> str:
    return f"""require("codecompanion").setup({{
  adapters = {{
    http = {{
      keeptrusts = function()
        return require("codecompanion.adapters").extend("openai_compatible", {{
          env = {{ url = "{at.root}", api_key = "{KEY_VARIABLE}", chat_url = "/v1/chat/completions" }},
          schema = {{ model = {{ default = "{at.model}" }} }},
        }})
      end,
    }},
  }},
  interactions = {{ chat = {{ adapter = "keeptrusts" }}, inline = {{ adapter = "keeptrusts" }} }},
}})"""


def _avante(at: Place) -> str:
    return f"""require("avante").setup({{
  provider = "keeptrusts",
  providers = {{
    keeptrusts = {{
      __inherited_from = "openai",
      endpoint = "{at.url}",
      api_key_name = "{KEY_VARIABLE}",
      model = "{at.model}",
    }},
  }},
}})"""


def _jetbrains(at: Place) -> str:
    return f"Provider  OpenAI-compatible\nURL       {at.url}\nAPI key   {at.key}\nModel     {at.model}"


def _claude_code(at: Place) -> str:
    quiet = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL")
    return _json({"model": at.model, "env": {"ANTHROPIC_BASE_URL": at.root, **dict.fromkeys(quiet, "1")}})


def _codex(at: Place) -> str:
    return f"""model = "{at.model}"
model_provider = "keeptrusts"
check_for_update_on_startup = false

[model_providers.keeptrusts]
name = "Keeptrusts"
base_url = "{at.url}"
env_key = "{KEY_VARIABLE}"
wire_api = "responses"

[analytics]
enabled = false

[features]
plugins = false"""


_AIDER_QUIET = "check-update: false\nanalytics: false"


def _aider(at: Place) -> str:
    return f"openai-api-base: {at.url}\nmodel: openai/{at.model}\n{_AIDER_QUIET}"


def _aider_anthropic(at: Place) -> str:
    return f"set-env:\n  - ANTHROPIC_BASE_URL={at.root}\nmodel: anthropic/{at.model}\n{_AIDER_QUIET}"


def _sdk(at: Place) -> str:
    return f"export OPENAI_BASE_URL={at.url}\nexport OPENAI_API_KEY={at.key}"


def _curl(at: Place) -> str:
    body = json.dumps({"model": at.model, "messages": [{"role": "user", "content": "Hello"}]})
    return (
        f"curl {at.url}/chat/completions \\\n"
        f'  -H "Authorization: Bearer ${KEY_VARIABLE}" -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )


def _assigned(variable: str, *, export: bool = False) -> Callable[[Place], str]:
    return lambda at: f"{'export ' if export else ''}{variable}={at.key}"


_AIDER_PRICES = (
    "Aider reads the prices of models from GitHub when it starts; the key and your texts go to the gateway alone."
)

_SHELL = Setting("your shell's profile", "sh", _assigned(KEY_VARIABLE, export=True))

CLIENTS = (
    Client(
        "continue",
        "Continue, in VS Code and JetBrains",
        (
            Setting("~/.continue/config.yaml", "yaml", _continue_yaml),
            Setting("~/.continue/.env", "sh", _assigned(KEY_VARIABLE)),
        ),
        (
            "Continue replaced `config.json` by `config.yaml`, and reads the new file alone where both are there.",
            "The key stands in `.env`, so the file with the settings can be shared.",
            "No `autocomplete` role: give it to a model of `/v1/completions`, which Continue then mostly asks.",
        ),
        "VS Code (Continue), JetBrains (Continue)",
    ),
    Client(
        "continue-json",
        "Continue, the older form",
        (Setting("~/.continue/config.json", "json", _continue_json),),
        ("The seed page's form; still read where there is no `config.yaml`.",),
        "VS Code (Continue), JetBrains (Continue)",
    ),
    Client(
        "cursor",
        "Cursor",
        (Setting("Settings → Models → API Keys", "text", _cursor),),
        (
            "Cursor's servers make the requests, not the editor: the gateway needs a public name and certificate.",
            "So the client's address in the audit trail is Cursor's; the key tells who asked.",
            "The override holds for every OpenAI model at once; Tab completion never uses it.",
            "The path is Cursor's own: it sends Responses for some models and reads chats alone (docs/dialects.md).",
            "Its check of the key comes from the editor: `cors` has to allow the origin `vscode-file://vscode-app`.",
        ),
        "Cursor",
    ),
    Client(
        "zed",
        "Zed",
        (
            Setting("~/.config/zed/settings.json", "json", _zed),
            Setting("the environment that Zed is started in", "sh", _assigned("KEEPTRUSTS_API_KEY", export=True)),
        ),
        (
            "`openai_compatible` leaves Zed's own OpenAI provider as it is; the seed page changes that one.",
            "Zed derives the variable from the provider's name; instead, the key can be typed in at Settings → AI.",
            "Zed does not ask which models there are: list each.",
        ),
        "Zed",
    ),
    Client(
        "zed-openai",
        "Zed, the older form",
        (
            Setting("~/.config/zed/settings.json", "json", _zed_openai),
            Setting("the environment that Zed is started in", "sh", _assigned("OPENAI_API_KEY", export=True)),
        ),
        ("The seed page's form: it points Zed's OpenAI provider, and so all its models, at the gateway.",),
        "Zed",
    ),
    Client(
        "gptel",
        "gptel, in Emacs",
        (Setting("init.el", "elisp", _gptel),),
        (
            "gptel is a package of Emacs; the seed page's “Neovim (gptel)” names the wrong editor.",
            "`:host` has no scheme and no path, but may have a port.",
            "`:key` also takes a function, such as one that asks auth-source.",
        ),
        "Neovim (gptel)",
    ),
    Client(
        "codecompanion",
        "CodeCompanion, in Neovim",
        (Setting("~/.config/nvim/init.lua", "lua", _codecompanion), _SHELL),
        ("`url` is without `/v1`, which `chat_url` brings; `api_key` is the name of the variable.",),
    ),
    Client(
        "avante",
        "Avante, in Neovim",
        (Setting("~/.config/nvim/init.lua", "lua", _avante), _SHELL),
        ("`api_key_name` is the name of the variable.",),
    ),
    Client(
        "jetbrains",
        "JetBrains AI Assistant",
        (Setting("Settings → Tools → AI Assistant → Providers & API keys", "text", _jetbrains),),
        ("Its base URL is set here; no proxy that opens TLS is needed.",),
    ),
    Client(
        "claude-code",
        "Claude Code",
        (
            Setting("~/.claude/settings.json", "json", _claude_code),
            Setting("your shell's profile", "sh", _assigned("ANTHROPIC_AUTH_TOKEN", export=True)),
        ),
        (
            "The base URL is without `/v1`; a target with `provider: anthropic` must serve the model.",
            "Claude Code asks a small model too, for titles and the like: that of `ANTHROPIC_DEFAULT_HAIKU_MODEL`.",
            "The other two variables stop what goes past the gateway: telemetry, reports, updates, plugins.",
            "`CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY=1` has its `/model` offer the gateway's Claude models.",
        ),
        model=_CLAUDE,
    ),
    Client(
        "codex",
        "Codex",
        (Setting("~/.codex/config.toml", "toml", _codex), _SHELL),
        (
            "The first three lines must stand above every table of the file; `env_key` is the name of the variable.",
            "The third line and the last two tables stop what goes past the gateway, to chatgpt.com and github.com.",
            "In a terminal session Codex still reads something from raw.githubusercontent.com.",
        ),
        model="gpt-5.5",
    ),
    Client(
        "aider",
        "Aider",
        (
            Setting("~/.aider.conf.yml", "yaml", _aider),
            Setting("your shell's profile", "sh", _assigned("OPENAI_API_KEY", export=True)),
        ),
        (_AIDER_PRICES,),
    ),
    Client(
        "aider-anthropic",
        "Aider, over Anthropic's API",
        (
            Setting("~/.aider.conf.yml", "yaml", _aider_anthropic),
            Setting("your shell's profile", "sh", _assigned("ANTHROPIC_API_KEY", export=True)),
        ),
        ("The base URL is without `/v1`; a target with `provider: anthropic` must serve the model.", _AIDER_PRICES),
        model=_CLAUDE,
    ),
    Client("openai", "OpenAI's SDKs", (Setting("the environment of your program", "sh", _sdk),)),
    Client("curl", "curl", (_SHELL, Setting("a shell", "sh", _curl))),
)
"""In the order of the seed page, then the others."""


def named(name: str) -> Client:
    """The client of that name. Raises KeyError."""
    return {client.name: client for client in CLIENTS}[name]
