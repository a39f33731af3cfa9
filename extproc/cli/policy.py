"""`kt policy`: what authors of a policy-config.yaml need."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extproc.cli import exit_codes
from extproc.cli.failures import fail, plain
from extproc.cli.options import as_json

if TYPE_CHECKING:
    from extproc.chain import Link
    from extproc.config.testing import Case
    from extproc.config.values import Config
    from extproc.model import Decision, Fault, Text
    from extproc.rehearsal import Outcome


@click.group()
def command() -> None:
    """Check a policy-config.yaml, and try requests on it.

    \b
    Example:
      kt policy lint --file policy-config.yaml
    """


@command.command()
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, default=(Path("policy-config.yaml"),))
@as_json
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """Name every fault with its line; exit 2 where there is one.

    \b
    Example:
      kt policy lint --file policy-config.yaml --json
    """
    from extproc.config.load import load
    from extproc.model import ConfigError

    shown = ", ".join(map(str, files))
    try:
        loaded = load(files, environ=os.environ)
    except ConfigError as error:
        report = {"valid": False, "file": shown, "errors": [_fault(fault) for fault in error.faults]}
        click.echo(json.dumps(report) if as_json else str(error))
        sys.exit(exit_codes.USAGE)
    config = loaded.config
    chain = [entry.kind for entry in config.chain]
    if as_json:
        pack = {"name": config.pack.name, "version": config.pack.version}
        warnings = [_fault(fault) for fault in loaded.warnings]
        report = {"valid": True, "file": shown, "pack": pack, "chain": chain, "policy_count": len(chain)}
        click.echo(json.dumps({**report, "warnings": warnings}))
        return
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"{shown}: {config.pack.name} {config.pack.version}, {len(chain)} policies: {', '.join(chain)}")


@command.command()
@click.option(
    "--pack-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="this directory",
    help="Holds policy-config.yaml and tests/*.json.",
)
@as_json
def test(pack_dir: Path, as_json: bool) -> None:
    """Play the requests of tests/*.json and testing.suites; exit 1 where one is judged otherwise than expected.

    \b
    Example:
      kt policy test --pack-dir . --json
    """
    from extproc.config.load import load

    with plain():
        config = load([pack_dir / "policy-config.yaml"], environ=os.environ).config
        results = [_played(*each) for each in _cases(config, pack_dir)]
    if not results:
        fail(f"{pack_dir}: no cases; write some under testing.suites, or as tests/NAME.json", exit_codes.USAGE)
    failed = sum(not result["passed"] for result in results)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "results": results}))
    else:
        for result in results:
            click.echo(_line(result))
        click.echo(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(exit_codes.FAILED if failed else exit_codes.OK)


def _cases(config: Config, pack_dir: Path) -> Iterator[tuple[Case, Sequence[Link]]]:
    """Each case with the links that judge it; policies are made anew for each suite, as they may remember."""
    from extproc.config.testing import read_case
    from extproc.snapshot import links

    for path in sorted((pack_dir / "tests").glob("*.json")):
        yield read_case(path), links(config, "block")
    for suite in config.testing.suites:
        chain = [each for each in links(config, "block") if suite.target in ("", each.policy.kind)]
        for case in suite.cases:
            yield replace(case, name=f"{suite.name}: {case.name}"), chain


def _played(case: Case, chain: Sequence[Link]) -> dict[str, Any]:
    from extproc.dialects import UnreadableReply
    from extproc.rehearsal import rehearse

    wanted = case.expected
    try:
        outcome = rehearse(chain, case.input)
    except (ValueError, UnreadableReply) as error:
        fail(f"{case.name}: {error}", exit_codes.USAGE)
    fits = outcome.verdict == wanted.verdict and wanted.reason_code in ("", outcome.reason)
    details = {"policy_results": [_decision(each) for each in outcome.decisions], "quality_scores": {}}
    return {
        "name": case.name,
        "verdict": outcome.verdict,
        "reason_code": outcome.reason,
        "passed": fits,
        "expected": {"verdict": wanted.verdict, "reason_code": wanted.reason_code},
        "details": details,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "policy": decision.policy,
        "stage": decision.stage,
        "verdict": decision.verdict,
        "reason_code": decision.reason,
        "enforced": decision.enforced,
        "redactions": dict(decision.redactions),
    }


def _line(result: dict[str, Any]) -> str:
    found = _worded(result["verdict"], result["reason_code"])
    if result["passed"]:
        return f"ok    {result['name']}: {found}"
    return f"FAIL  {result['name']}: expected {_worded(**result['expected'])}, found {found}"


def _worded(verdict: str, reason_code: str) -> str:
    return f"{verdict} ({reason_code})" if reason_code else verdict


@command.command()
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, default=(Path("policy-config.yaml"),))
@click.option("--path", default="/v1/chat/completions", show_default=True, help="The API whose request it is.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header of the request.")
@click.option("--reply", type=click.Path(path_type=Path, dir_okay=False), help="A file with the provider's reply.")
@as_json
def explain(files: tuple[Path, ...], path: str, headers: tuple[str, ...], reply: Path | None, as_json: bool) -> None:
    """Say what each policy decides on the request on standard input, and what would be sent.

    \b
    Example:
      kt policy explain --file policy-config.yaml --header X-User-ID:ana < request.json
    """
    from extproc.config.load import load
    from extproc.config.testing import CaseInput
    from extproc.dialects import UnreadableReply
    from extproc.rehearsal import rehearse
    from extproc.snapshot import links

    pairs = [header.partition(":") for header in headers]
    if wrong := next((name + mark for name, mark, _ in pairs if not (name and mark)), None):
        raise click.BadParameter(f"expected NAME:VALUE, found {wrong!r}", param_hint="--header")
    with plain():
        chain = links(load(files, environ=os.environ).config, "block")
        request, answer = _object("standard input", sys.stdin.read()), reply and _object(str(reply), reply.read_text())
    said = {name.strip(): value.strip() for name, _, value in pairs}
    try:
        asked = CaseInput(request=request, headers=said, path=path, upstream_response=answer)
        outcome = rehearse(chain, asked)
    except (ValueError, UnreadableReply) as error:
        fail(str(error), exit_codes.USAGE)
    report = _report(outcome)
    click.echo(json.dumps(report) if as_json else "\n".join(_explained(report)))


def _object(where: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        fail(f"{where}: not JSON: {error}", exit_codes.USAGE)
    if not isinstance(value, dict):
        fail(f"{where}: expected an object", exit_codes.USAGE)
    return value


def _report(outcome: Outcome) -> dict[str, Any]:
    return {
        "verdict": outcome.verdict,
        "reason_code": outcome.reason,
        "message": outcome.message,
        "policy_results": [_decision(each) for each in outcome.decisions],
        "request_texts": [_text(*each) for each in outcome.asked],
        "reply_texts": [_text(*each) for each in outcome.answered],
    }


def _text(before: Text, after: Text) -> dict[str, Any]:
    changed = after.value if after.value != before.value else None
    return {"path": list(before.path), "role": before.role, "text": before.value, "becomes": changed}


def _explained(report: dict[str, Any]) -> Iterator[str]:
    yield _worded(report["verdict"], report["reason_code"])
    if report["message"]:
        yield f"  the client is told: {report['message']}"
    for each in report["policy_results"]:
        found = ", ".join(f"{label} {count}" for label, count in each["redactions"].items())
        shadow = "" if each["enforced"] else ", in shadow"
        told = _worded(each["verdict"], each["reason_code"])
        yield f"  {each['stage']:6} {each['policy']}: {told}{': ' + found if found else ''}{shadow}"
    for kind in ("request", "reply"):
        for each in report[f"{kind}_texts"]:
            if each["text"] or each["becomes"]:
                place = ".".join(map(str, each["path"]))
                yield f"  {kind} {place} ({each['role']}): {_short(each['text'])}"
            if each["becomes"] is not None:
                yield f"    becomes: {_short(each['becomes'])}"


def _short(text: str, most: int = 200) -> str:
    quoted = json.dumps(text[:most], ensure_ascii=False)
    shown = quoted.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair cannot be printed
    return shown if len(text) <= most else f"{shown} … {len(text)} characters"


def _fault(fault: Fault) -> dict[str, object]:
    message, _, suggestion = fault.message.partition(", did you mean ")
    return {
        "code": fault.code,
        "path": fault.path,
        "message": message,
        "suggestion": suggestion.strip("'?") or None,
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
    }
