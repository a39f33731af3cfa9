"""What attacks look like in the arguments of tools: paths that climb out, addresses that only this network answers,
commands and statements that were put where a value belongs (OWASP: path traversal, SSRF, command and SQL injection).

What a string may be is told by the key that it stands under. Coding agents write commands, queries and files all day:
there only what is never meant well is noticed, and what goes into a file is not looked at.
"""

from __future__ import annotations

from extproc.detect.patterns import PatternSpec, Scanner

_CONTENT = (
    "content", "contents", "text", "new_string", "old_string", "new_str", "old_str", "file_text", "insert_text",
    "patch", "diff", "body", "message", "prompt", "description", "thought", "explanation", "summary", "input",
)  # fmt: skip
"""Keys under which prose, code and whole files stand."""

_COMMANDS = ("command", "cmd", "commands", "script", "code", "shell", "bash", "args", "argv", "action")
_QUERIES = ("query", "sql", "statement", "expression", "q")

_CLIMB = r"(?:\.\.|%2[Ee]%2[Ee]|\.%2[Ee]|%2[Ee]\.|%252[Ee]%252[Ee]|%[Cc]0%[Aa][Ee]%[Cc]0%[Aa][Ee])(?:[/\\]|%2[Ff]|%5[Cc]|%252[Ff]|%[Cc]0%[Aa][Ff])"
_SECRETS = (
    r"/etc/(?:passwd|shadow|sudoers|gshadow|ssh/|kubernetes/|ssl/private)|/proc/(?:self|[0-9]{1,7})/(?:environ|mem|maps|root|fd)|"
    r"/\.ssh/(?:id_|authorized_keys)|/\.aws/credentials|/\.kube/config|/\.docker/config\.json|/\.netrc|/\.pgpass|/\.git-credentials|"
    r"/var/run/secrets/|/run/secrets/|(?i:windows[/\\]{1,2}(?:win\.ini|system32[/\\]{1,2}config)|boot\.ini)"
)
_PATHS = (
    PatternSpec("path_traversal", rf"(?:{_CLIMB}){{1,20}}[^ ]{{0,80}}(?:{_SECRETS})"),
    PatternSpec(
        "path_traversal",
        rf"(?:{_CLIMB}){{1,20}}(?:etc|proc|root|boot|dev|sys|windows|winnt|var/(?:log|run|lib))(?:[/\\]|%2[Ff])",
    ),
    PatternSpec(
        "path_traversal",
        r"(?:%2[Ee]%2[Ee]|%252[Ee]%252[Ee]|%[Cc]0%[Aa][Ee])(?:[/\\]|%2[Ff]|%5[Cc]|%252[Ff]|%[Cc]0%[Aa][Ff])",
    ),
    PatternSpec("path_traversal", r"\.\.\.\.[/\\]{2}"),
    PatternSpec("path_traversal", r"%00|\x00"),
    PatternSpec("path_traversal", _SECRETS),
    PatternSpec("path_traversal", r"\bfile:/{1,3}(?:etc|proc|root|home|var|[A-Za-z]:)", caseless=True),
)

_METADATA = (
    r"169\.254\.169\.254|169\.254\.170\.2|100\.100\.100\.200|\[fd00:ec2::254\]|metadata\.google\.internal|"
    r"2852039166|0xa9fea9fe|0251\.0376\.0251\.0376|169\.254\.43518|\[::ffff:(?:169\.254\.169\.254|a9fe:a9fe)\]"
)
_INSIDE = (
    r"localhost|127(?:\.[0-9]{1,3}){1,3}|0(?:\.0){0,3}|10(?:\.[0-9]{1,3}){3}|192\.168(?:\.[0-9]{1,3}){2}|172\.(?:1[6-9]|2[0-9]|3[01])(?:\.[0-9]{1,3}){2}|"
    r"169\.254(?:\.[0-9]{1,3}){2}|\[(?:::1?|f[cd][0-9a-f]{2}:[0-9a-f:]{1,40}|fe80:[0-9a-f:]{1,40}|::ffff:[0-9a-f.:]{1,40})\]|"
    r"2130706433|0x7f[0-9a-f]{6}|0177\.0{1,3}\.0{1,3}\.0{0,2}1|[a-z0-9-]{1,60}(?:\.[a-z0-9-]{1,60}){0,3}\.(?:internal|cluster\.local|svc|localdomain)"
)
_ADDRESSES = (
    PatternSpec("ssrf", rf"(?:^|[^0-9a-z.])(?:{_METADATA})(?:$|[^0-9a-z.])", caseless=True),
    PatternSpec("ssrf", r"\b(?:gopher|dict|ldap|tftp|jar|netdoc|phar)://", caseless=True),
)
_PLAIN_ADDRESSES = (
    PatternSpec("ssrf", rf"\b(?:https?|ftp|wss?)://(?:[^/@ ]{{0,80}}@)?(?:{_INSIDE})\.?(?:[:/?#]|$)", caseless=True),
)

_PROGRAMS = r"(?:rm|curl|wget|nc|ncat|bash|sh|zsh|chmod|chown|powershell|pwsh|whoami|uname|nslookup|printenv|base64)(?:[ ;|&>`)]|$)"
_WORDS = r"(?:cat|ls|id|env|ping|sleep|dig|touch|tee|kill|type|dir|net|eval|exec|cmd|python3?|perl|ruby|php|node|find|echo|cp|mv)(?:$|[;|&>`)]| +[-/.~$0-9'\"])"
"""Programs whose names are words too: only before what a program is given."""

_RUN = rf"(?:sudo +)?(?:/(?:usr/)?bin/)?(?:{_PROGRAMS}|{_WORDS})"
_DESTROYS = (
    PatternSpec(
        "command_injection",
        r"\brm +(?:-[a-zA-Z-]{1,20} +){1,4}(?:--no-preserve-root +)?(?:/|~|/\*|\$HOME|/(?:etc|usr|var|home|bin|boot|lib|root)/?)(?:\*|[ ;&|\"']|$)",
    ),
    PatternSpec("command_injection", r"\b(?:curl|wget|fetch)\b[^|;&\n]{1,300}\| *(?:sudo +)?(?:ba|z|da|k)?sh\b"),
    PatternSpec(
        "command_injection", r"\b(?:ba|z)?sh +-c +[\"']?\$\((?:curl|wget)\b|\b(?:ba|z)?sh +<\( *(?:curl|wget)\b"
    ),
    PatternSpec("command_injection", r"\bbase64 +(?:-d|-D|--decode)\b[^\n]{0,200}\| *(?:ba|z|da)?sh\b"),
    PatternSpec("command_injection", r"/dev/(?:tcp|udp)/"),
    PatternSpec(
        "command_injection", r"\b(?:nc|ncat|netcat)\b[^\n|;&]{0,120} -[a-z]{0,6}[ec] *[/\w]{0,40}\b(?:ba|z|da)?sh\b"
    ),
    PatternSpec("command_injection", r":\(\) *\{ *: *\| *: *& *\} *; *:"),
    PatternSpec(
        "command_injection", r"\bmkfs(?:\.[a-z0-9]{2,6})? +/dev/|\bdd +[^\n]{0,100}\bof=/dev/(?:sd|nvme|hd|vd|xvd|disk)"
    ),
    PatternSpec("command_injection", r"> *(?:/etc/(?:passwd|shadow|sudoers|crontab|cron\.d)|/dev/(?:sd|nvme|hd|vd))"),
    PatternSpec(
        "command_injection",
        r"\bpowershell(?:\.exe)?\b[^\n]{0,100} -e(?:nc|ncodedcommand|c)?\b +[A-Za-z0-9+/=]{16,}|\bIEX *\( *(?:New-Object|iwr|irm)\b",
        caseless=True,
    ),
    PatternSpec("command_injection", rf"\b(?:curl|wget|nc|ncat)\b[^\n]{{0,200}}(?:{_SECRETS})"),
)
_SLIPPED_IN = (
    PatternSpec("command_injection", rf"(?:;|\|\|?|&&?|\n|%0[aA]|%3[bB]) *{_RUN}"),
    PatternSpec("command_injection", rf"(?:\$\(|`) *{_RUN}"),
    PatternSpec("command_injection", r"\$\{IFS\}|\$IFS\b"),
)

_STATEMENTS = (
    PatternSpec(
        "sql_injection",
        r"['\")] *(?:or|and|\|\||&&) +(?:not +)?(?:['\"]?[0-9a-z_]{1,20}['\"]? *(?:=|like|<|>) *['\"]?[0-9a-z_%]{1,20}|true\b|sleep *\(|benchmark *\(|exists *\()",
        caseless=True,
    ),
    PatternSpec("sql_injection", r"\b(?:or|and) +([0-9]{1,5}) *= *[0-9]{1,5} *(?:--|#|/\*|$)", caseless=True),
    PatternSpec(
        "sql_injection",
        r"['\")0-9] *(?:/\*[^*]{0,40}\*/|[ +]){0,4}union(?:/\*[^*]{0,40}\*/|[ +]){1,4}(?:all +|distinct +)?select\b",
        caseless=True,
    ),
    PatternSpec(
        "sql_injection",
        r"; *(?:drop|truncate|alter) +(?:table|database|schema|view|user)\b|; *(?:delete +from|insert +into|update +[a-z_.]{1,60} +set|exec(?:ute)?|shutdown)\b",
        caseless=True,
    ),
    PatternSpec(
        "sql_injection",
        r"\b(?:xp_cmdshell|sp_executesql|information_schema\.tables|load_file *\(|into +(?:out|dump)file\b|waitfor +delay|pg_sleep *\(|sqlite_master\b)",
        caseless=True,
    ),
    PatternSpec("sql_injection", r"['\"] *(?:--|#) *$|['\"] *;? *-- "),
)
_STACKED = (
    PatternSpec("sql_injection", r"\b(?:xp_cmdshell|into +(?:out|dump)file\b|load_file *\()", caseless=True),
    PatternSpec("sql_injection", r"['\"] *(?:or|and) +['\"]?1['\"]? *= *['\"]?1", caseless=True),
)


def _scanner(*specs: PatternSpec) -> Scanner:
    """By RE2 alone: hyperscan would take minutes to compile these (caseless, with counted classes), and calls are few."""
    return Scanner(specs, prefilter=False)


class Attacks:
    """Compiled once per snapshot, then only read."""

    def __init__(self) -> None:
        self._value = _scanner(*_PATHS, *_ADDRESSES, *_PLAIN_ADDRESSES, *_DESTROYS, *_SLIPPED_IN, *_STATEMENTS)
        self._command = _scanner(*_ADDRESSES, *_DESTROYS)
        self._query = _scanner(*_PATHS, *_ADDRESSES, *_DESTROYS, *_STACKED)

    def find(self, key: str, value: str) -> str | None:
        """What a string under this key tries, as `path_traversal`, `ssrf`, `command_injection` or `sql_injection`; None
        where it tries nothing.
        """
        name = key.lower()
        if name in _CONTENT:
            return None
        scanner = self._command if name in _COMMANDS else self._query if name in _QUERIES else self._value
        found = scanner.find(value, most=1)
        return found[0].label if found else None
