"""`kvprep doctor`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from kvprep.cli import render
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.doctor.check import Check, Result
from kvprep.doctor.checkup import Patient, examine
from kvprep.errors import ConfigError, IntegrityError, StoreError
from kvprep.pipeline.model import remembered_spec
from kvprep.prefill.models import ModelSpec
from kvprep.store.namespace import Namespace
from kvprep.store.restore import OlderNamespace, accept_restore, has_older_audit, older_namespaces

_EXAMPLE = """
kvprep doctor
kvprep doctor --json | jq '.checks[] | select(.result != "ok")'
kvprep doctor --accept-restore   # an older copy of the store was put back on purpose
"""
_MEANING = "What was invalidated since may be used again, and whoever was trusted then is trusted again."


@command(example=_EXAMPLE, codes=STORE)
def doctor(
    session: Session,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept-restore",
            help="Let an older copy of the store, which is refused otherwise, count as the newest. Asks first.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Say what is wrong with store, key, model and machine, and how to mend it.

    Works where there is no store, no key, or a damaged one. Changes nothing, but for a probe of 32 MiB on the store's
    disk, which it removes; loads torch only where a device that is no CPU is to be named. Notes do not make it fail:
    exit 4 where bytes on disk are not what was written, 1 for every other problem.
    """
    if accept:
        _accept(session, yes)
        return
    with session.progress() as progress:
        checks = list(examine(_patient(session), progress))
    if not session.emit("doctor", _facts(session, checks)):
        _draw(checks)
    _fail(checks)


def _patient(session: Session) -> Patient:
    def model_of(namespace: Namespace | None) -> ModelSpec:
        return session.model(namespace) or remembered_spec(namespace.state().settings if namespace else {})

    settings = session.settings
    return Patient(session.path, settings.key_file, settings.ingest.max_bytes, session.store, model_of)


def _fail(checks: Sequence[Check]) -> None:
    problems = [check for check in checks if check.result is Result.PROBLEM]
    if not problems:
        return
    said, hint = f"{render.counted(len(problems), 'problem')} found", "Each line says its mend."
    if any(check.is_integrity for check in problems):
        raise IntegrityError(said, hint=hint)
    raise StoreError(said, hint=hint)


def _facts(session: Session, checks: Sequence[Check]) -> Facts:
    problems = [check for check in checks if check.result is Result.PROBLEM]
    return {
        "store": str(session.path),
        "checks": [
            {
                "check": c.name,
                "result": str(c.result),
                "message": c.message,
                "mend": c.mend,
                "integrity": c.is_integrity,
            }
            for c in checks
        ],
        "ok": not problems,
        "accepted": None,
    }


def _draw(checks: Sequence[Check]) -> None:
    rows = [(check.name, str(check.result), _found(check)) for check in checks]
    render.table(("check", "result", "found"), rows)
    results = [check.result for check in checks]
    notes, problems = results.count(Result.NOTE), results.count(Result.PROBLEM)
    print(f"{'SICK' if problems else 'well'}: {render.counted(problems, 'problem')}, {render.counted(notes, 'note')}")


def _found(check: Check) -> str:
    return f"{check.message}\n→ {check.mend}" if check.mend else check.message


def _accept(session: Session, yes: bool) -> None:
    with session.store() as store:
        older, has_shorter_log = older_namespaces(store), has_older_audit(store)
        if older or has_shorter_log:
            _confirm(older, has_shorter_log, yes)
            accept_restore(store)
    names = [each.keys.name for each in older]
    if session.emit("doctor", {"store": str(session.path), "checks": [], "ok": True, "accepted": names}):
        return
    if not (older or has_shorter_log):
        print("Nothing here is older than what this machine has seen: nothing to accept.")
        return
    print(f"Accepted: {', '.join(names) or 'the audit log'}. {_MEANING}")
    session.say("Next: `kvprep verify --rebuild-index`, then invalidate again what had been invalidated since.")


def _confirm(older: Sequence[OlderNamespace], has_shorter_log: bool, yes: bool) -> None:
    for each in older:
        seen = f"generation {each.state.generation}, and {each.seen_generation} was seen here"
        render.note(f"namespace {each.keys.name}: {seen}")
    if has_shorter_log:
        render.note("audit log: lacks the record that was its last when it was seen here")
    render.note(_MEANING)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("not accepted without --yes", hint="Say --yes if you put the older copy back yourself.")
    if not typer.confirm("Did you put an older copy back yourself?", err=True):
        raise ConfigError("not accepted", hint="Put the newest copy back.")
