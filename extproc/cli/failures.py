"""What an operator can cause is one plain line and an exit code, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import click

from extproc.cli import exit_codes
from extproc.model import ConfigError, ExtprocError


def say(line: str) -> None:
    """A line for the operator, apart from what a command prints as its result."""
    with suppress(OSError):  # a terminal that is gone must not end a supervisor
        click.echo(line, err=True)


def fail(line: str, code: int) -> NoReturn:
    """Say why, and end."""
    say(line)
    sys.exit(code)


@contextmanager
def plain() -> Iterator[None]:
    """Turns the errors of what runs inside into their text and their exit code."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of our output is gone; click ends quietly
    except (ExtprocError, OSError) as error:
        fail(text(error), _code(error))
    except KeyboardInterrupt:
        sys.exit(exit_codes.INTERRUPTED)


def text(error: Exception) -> str:
    """The error for people: an OSError as its file and reason, without the number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _code(error: Exception) -> int:
    from extproc.audit.otlp_settings import OtlpVariableError
    from extproc.gateway.child import ChildError
    from extproc.gateway.replicas import ReplicasError

    if isinstance(error, (ConfigError, OtlpVariableError, ReplicasError)):
        return exit_codes.USAGE
    return error.exit_code if isinstance(error, ChildError) else exit_codes.MISSING
