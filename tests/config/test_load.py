from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.load import load
from extproc.model import ConfigError, DataPolicy

GOOD = """\
pack: {name: demo, version: 1.0.0}
providers:
  targets:
    - {id: a, provider: openai, base_url: 'https://example.com/x/v1/'}
policies:
  chain: [prompt-injection, {dlp-filter: {when: {path: /v1/chat}, mode: shadow}}]
policy:
  prompt-injection: {}
  dlp-filter: {detect_patterns: ['A[0-9]+']}
"""


def read(tmp_path: Path, *texts: str) -> object:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text)
    return load(paths, environ={}).config


def faults(tmp_path: Path, *texts: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, *texts)
    return [str(fault).replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_a_good_file_becomes_values(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    config = load([path], environ={}).config
    (target,) = config.targets
    assert (target.scheme, target.host, target.port, target.prefix) == ("https", "example.com", 443, "/x")
    assert [(e.kind, e.mode) for e in config.chain] == [("prompt-injection", "enforce"), ("dlp-filter", "shadow")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("pack: {name: demo, version: 1.0.0}\n", "", "0.yaml:1:1: pack: missing"),
        ("version: 1.0.0", "version: 1", "0.yaml:1:29: pack.version: expected a string, found '1'"),
        ("version: 1.0.0", "version: one", "0.yaml:1:7: pack.version: expected a version like 1.2.3, found 'one'"),
        ("name: demo", "nme: demo", "0.yaml:1:8: pack.nme: unknown key 'nme', did you mean 'name'?"),
        ("policy:\n", "routes: []\npolicy:\n", "0.yaml:7:1: routes: 'routes' is not yet supported"),
        ("'A[0-9]+'", "'(?=a)'", "0.yaml:9:34: policy.dlp-filter.detect_patterns[0]: not a pattern: invalid perl operator: (?="),
        ("'A[0-9]+'", "'a*'", "0.yaml:9:34: policy.dlp-filter.detect_patterns[0]: not a pattern: it matches the empty text"),
        ("https://example.com/x/v1/", "http://169.254.169.254/", "0.yaml:4:7: providers.targets[0].base_url: link-local and metadata addresses are refused"),
        ("https://example.com/x/v1/", "ftp://x", "0.yaml:4:7: providers.targets[0].base_url: expected http://HOST or https://HOST"),
        ("id: a", "id: 'a b'", "0.yaml:4:7: providers.targets[0].id: expected 1 to 64 letters, digits, '.', '_' or '-'"),
        ("id: a", "zdr: false, data_policy: {zero_data_retention: true}, id: a", "providers.targets[0]: zdr: false and data_policy.zero_data_retention: true contradict each other"),
        ("id: a", "zdr: true, data_policy: {retention_days: 9}, id: a", "providers.targets[0]: zdr: true and data_policy.retention_days above 0 contradict each other"),
        ("id: a", "data_policy: {zero_data_retention: true, retention_days: 9}, id: a", "targets[0].data_policy: zero_data_retention and retention_days above 0 exclude each other"),
        ("id: a", "data_policy: {retention_days: -1}, id: a", "targets[0].data_policy: retention_days: expected 0 or more, found -1"),
        ("[prompt-injection", "[prompt-injecton", "0.yaml:6:11: policies.chain[0].prompt-injecton: unknown policy kind 'prompt-injecton', did you mean 'prompt-injection'?"),
        ("[prompt-injection", "[bias-monitor", "0.yaml:6:11: policies.chain[0]: 'bias-monitor' is not yet supported"),
        ("mode: shadow", "mode: shade", "0.yaml:6:73: policies.chain[1].mode: expected one of enforce, shadow, found 'shade'"),
        ("pack:", "pack: {}\npack:", "0.yaml:2:1: pack: this key stands twice, first on line 1"),
        (GOOD, "a: &x 1\nb: *x\n", "0.yaml:1:1: uses a YAML alias; write the value out"),
        (GOOD, "", "0.yaml:1:1: is empty"),
        (GOOD, "a: [", "0.yaml:1:5: is not YAML: expected the node content, but found '<stream end>'"),
        (GOOD, "- 1", "0.yaml:1:1: expected a mapping, found a list"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert any(fault.endswith(expected) for fault in faults(tmp_path, GOOD.replace(old, new, 1)))


def test_what_a_provider_agreed_to_is_a_targets_own(tmp_path: Path) -> None:
    for said, expected in (
        ("id: a", DataPolicy()),
        ("zdr: true, id: a", DataPolicy(zero_data_retention=True)),
        (
            "zdr: true, data_policy: {training_opt_out: true, retention_days: 0}, id: a",
            DataPolicy(zero_data_retention=True, training_opt_out=True, retention_days=0),
        ),
        ("data_policy: {retention_days: 30}, id: a", DataPolicy(retention_days=30)),
    ):
        (target,) = read(tmp_path, GOOD.replace("id: a", said, 1)).targets
        assert target.data_policy == expected


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    bad = GOOD.replace("name: demo", "nme: demo").replace("id: a", "id: 'a b'").replace("A[0-9]+", "(")
    assert len(faults(tmp_path, bad)) == 4


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load([tmp_path / "none.yaml"], environ={})


def test_later_files_win_and_their_chain_replaces(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD, "pack: {version: 2.0.0}\npolicies: {chain: [audit-logger]}\n")
    assert config.pack.version == "2.0.0" and config.pack.name == "demo"  # type: ignore[attr-defined]
    assert [entry.kind for entry in config.chain] == ["audit-logger"]  # type: ignore[attr-defined]


def test_a_fault_in_a_later_file_names_that_file(tmp_path: Path) -> None:
    assert faults(tmp_path, GOOD, "pack: {name: [1]}\n") == ["1.yaml:1:14: pack.name: expected a string, found a list"]


def test_a_fault_never_shows_a_whole_value(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, GOOD.replace("{name: demo", "{enabled: sk-0123456789abcdefghij, name: demo"))
    assert "abcdefghij" not in fault


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="pack: {}[]\n-a'\"&*!|>%#\t0", max_size=60))
def test_any_text_loads_or_is_refused_with_faults(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load([path], environ={})
    assert caught.value.faults


UNBOUNDED = "'A[0-9]+' has no longest match; give its repeats an upper bound"


def warnings(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "0.yaml"
    path.write_text(text)
    return [str(each).replace(f"{tmp_path}/", "") for each in load([path], environ={}).warnings]


def test_a_kind_that_cannot_watch_a_stream_says_so(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, GOOD)
    assert warning.endswith(f"'dlp-filter' holds event streams back to their end: {UNBOUNDED}")


def test_and_is_refused_where_a_stream_is_to_be_guarded_while_it_runs(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, GOOD.replace("mode: shadow", "stream: realtime"))
    assert (
        fault == f"0.yaml:6:29: policies.chain[1].stream: 'dlp-filter' cannot guard a stream while it runs: {UNBOUNDED}"
    )


@pytest.mark.parametrize(
    "change", [("mode: shadow", "stream: buffered"), ("[0-9]+", "[0-9]{1,9}"), ("mode: shadow", "stage: pre-request")]
)
def test_a_kind_that_can_or_need_not_is_taken_without_a_word(tmp_path: Path, change: tuple[str, str]) -> None:
    assert warnings(tmp_path, GOOD.replace(*change)) == []


@pytest.mark.parametrize(("environ", "available"), [({"KEY": "x"}, True), ({"KEY": ""}, False), ({}, False)])
def test_a_target_whose_variable_is_not_set_is_unavailable_and_warned_about(
    tmp_path: Path, environ: dict[str, str], available: bool
) -> None:
    path = tmp_path / "0.yaml"
    path.write_text(GOOD.replace("provider: openai,", "provider: openai, secret_key_ref: {env: KEY},"))
    loaded = load([path], environ=environ)
    assert loaded.config.targets[0].available == available
    words = [str(warning) for warning in loaded.warnings if "KEY is not set; 'a' is unavailable" in str(warning)]
    assert len(words) == (not available)


@pytest.mark.parametrize(
    ("said", "header", "prefix"),
    [
        ("provider: openai", "authorization", "Bearer "),
        ("provider: openai, api_key_header: X-Api-Key", "x-api-key", "Bearer "),
        ("provider: openai, api_key_prefix: ''", "authorization", ""),
        ("provider: anthropic", "x-api-key", ""),
        ("provider: anthropic, api_key_header: X-API-Key", "x-api-key", ""),
        ("provider: anthropic, api_key_header: authorization", "authorization", "Bearer "),
        ("provider: anthropic, api_key_prefix: 'Key '", "x-api-key", "Key "),
    ],
)
def test_a_key_goes_where_its_provider_takes_it_unless_told_otherwise(
    tmp_path: Path, said: str, header: str, prefix: str
) -> None:
    path = tmp_path / "0.yaml"
    path.write_text(GOOD.replace("provider: openai", said))
    (target,) = load([path], environ={}).config.targets
    assert (target.key_header, target.key_prefix) == (header, prefix)


def test_anthropic_is_found_without_an_address(tmp_path: Path) -> None:
    path = tmp_path / "0.yaml"
    path.write_text(
        "pack: {name: a, version: 1.0.0}\npolicies: {chain: []}\nproviders: {targets: [{id: a, provider: anthropic}]}\n"
    )
    (target,) = load([path], environ={}).config.targets
    assert (target.scheme, target.host, target.port, target.prefix) == ("https", "api.anthropic.com", 443, "")


@pytest.mark.parametrize(
    ("kind", "stage", "fault"),
    [("document-analyzer", "pre-response", True), ("prompt-injection", "post-response", True), ("rbac", "pre-response", True),
     ("response-rewriter", "pre-request", True), ("tool-security", "post-request", True), ("agent-firewall", "pre-request", True),
     ("prompt-injection", "pre-request", False), ("rbac", "post-request", False), ("pii-detector", "pre-response", False),
     ("tool-security", "pre-response", False), ("audit-logger", "pre-response", False)],
)  # fmt: skip
def test_a_stage_at_which_a_kind_judges_nothing_is_a_fault(tmp_path: Path, kind: str, stage: str, fault: bool) -> None:
    text = GOOD.partition("policies:")[0] + f"policies: {{chain: [{{{kind}: {{stage: {stage}}}}}]}}\npolicy: {{}}\n"
    if not fault:
        read(tmp_path, text)
        return
    (found,) = faults(tmp_path, text)
    assert found.endswith(f"policies.chain[0].stage: '{kind}' judges nothing at the stage {stage}")
