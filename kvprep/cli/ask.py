"""`kvprep ask`."""

import logging
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from kvprep.answers import AnswerReport, Assistant
from kvprep.checks.shadow import ShadowChecks
from kvprep.cli import render
from kvprep.cli.model_options import Device, Dtype, Model
from kvprep.cli.options import STORE, command
from kvprep.cli.output import Facts
from kvprep.cli.session import Session
from kvprep.config import override
from kvprep.errors import IntegrityError, KvprepError, PolicyDenied, StaleHit, StoreError
from kvprep.pipeline.model import load_engine
from kvprep.reuse import Miss
from kvprep.types import MissReason

_log = logging.getLogger(__name__)

_EXAMPLE = """
kvprep ask contracts/lease.pdf "What is the yearly rent?"
kvprep ask lease.pdf < questions.txt
"""


@command(example=_EXAMPLE, codes=(*STORE, 5))
def ask(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="DOC", help="Beginning of an id, a source's path, or a title.")],
    questions: Annotated[
        list[str] | None, typer.Argument(metavar="QUESTION", help="Without one: from stdin, one a line.")
    ] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Longest answer, in tokens.  [default: 128]")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute the document anew, to compare.")] = False,
    require_hit: Annotated[
        bool, typer.Option("--require-hit", help="Do not answer without the cache: exit 4, 5 or 13.")
    ] = False,
    shadow: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Compute this share of the hits again afterwards, and compare: 0.01."
        ),
    ] = None,
    model: Model = None,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Answer questions about a document.

    Its keys and values are loaded from the store. After each answer stderr says what was reused and what it took.
    What cannot be used is computed from the source as it is now, with the reason said; of a document that an ingest or
    gc has deferred this is stored, once its look-ups make it worth that. The model is loaded once for all questions.
    """
    session = session.with_model(name=model, device=device, dtype=dtype)
    settings = override(session.settings.ask, max_new_tokens=max_new_tokens, shadow=shadow)
    session = replace(session, settings=replace(session.settings, ask=settings))
    # The reader starts first: no process that opens a stranger's file has ever seen the key.
    with session.cage(jobs=1) as cage, session.namespace() as namespace:
        with session.progress() as progress:
            codec = session.settings.ingest.codec
            load = partial(load_engine, alone=True)
            assistant = Assistant(namespace, cage, session.model(namespace), progress, load_engine=load, codec=codec)
        checks = ShadowChecks(namespace, share=session.settings.ask.shadow)
        for question in _asked(questions):
            if require_hit:
                _require(assistant, name)
            report = _answer(session, assistant, name, question, use_cache=not no_cache)
            _check(checks, assistant, report)
            if require_hit and report.result != "hit":
                raise _refusal(name, report.reason, report.detail)


def _asked(questions: list[str] | None) -> Iterable[str]:
    if questions:
        return questions
    return filter(None, (line.strip() for line in sys.stdin))


def _require(assistant: Assistant, name: str) -> None:
    document, found = assistant.look_up(name)
    if isinstance(found, Miss):
        assistant.refuse(document, found.reason)
        raise _refusal(name, found.reason, found.detail)
    if found.is_partial:
        assistant.refuse(document, MissReason.ABSENT)
        raise _refusal(name, "partial", f"{found.tokens} of {found.requested} tokens are stored")


def _refusal(name: str, reason: str, detail: str) -> KvprepError:
    kinds = {str(MissReason.CORRUPT): IntegrityError, str(MissReason.DENIED): PolicyDenied}
    kind = kinds.get(reason, StaleHit)
    return kind(f"{name}: no hit: {reason} ({detail})", hint="Ingest it again, or ask without --require-hit.")


def _answer(session: Session, assistant: Assistant, name: str, question: str, *, use_cache: bool) -> AnswerReport:
    answer = assistant.answer(name, question, max_new_tokens=session.settings.ask.max_new_tokens, use_cache=use_cache)
    for piece in answer:
        if not session.as_json:
            render.content(piece)
    if not session.emit("ask", _facts(answer.report)):
        render.content("\n")
        _explain(session, answer.report)
    return answer.report


def _check(checks: ShadowChecks, assistant: Assistant, report: AnswerReport) -> None:
    """Check an answer that was given, and say what was wrong with it; the exit code stays the answer's."""
    if report.served is None:
        return
    try:
        found = checks.consider(report.served, assistant.engine)
    except StoreError as error:
        _log.warning("the answer could not be checked: %s", error)
        return
    for kind, problem in found.problems if found else ():
        _log.warning(
            "%s: this answer was wrong to give, %s: %s", report.served.entry.document.hex()[:12], kind, problem
        )


def _facts(report: AnswerReport) -> Facts:
    return {
        "question": report.question,
        "answer": report.answer,
        "cache": {
            "result": report.result,
            "reason": report.reason,
            "detail": report.detail,
            "stored": report.is_stored,
            "tokens_reused": report.tokens_reused,
            "tokens_computed": report.tokens_computed,
        },
        "seconds": {
            "load": report.load_s,
            "first_token": report.first_token_s,
            "total": report.total_s,
            "prefill": report.prefill_s,
        },
        "saved": {"seconds": report.saved_s, "flops": report.saved_flops},
    }


def _explain(session: Session, report: AnswerReport) -> None:
    first_token = render.seconds(report.first_token_s)
    if report.result == "miss":
        reason = f"{report.reason}: {report.detail}" if report.detail else report.reason
        session.say(
            f"[{reason}] {report.tokens_computed:,} tokens computed, the document in "
            f"{render.seconds(report.prefill_s)}; first token after {first_token}"
            + ("; stored for the next question" if report.is_stored else "")
        )
        return
    session.say(
        f"[{report.result}] {report.tokens_reused:,} tokens reused, {report.tokens_computed:,} computed; "
        f"loaded in {render.seconds(report.load_s)}, first token after {first_token}; "
        f"the prefill had taken {render.seconds(report.prefill_s)}"
    )
