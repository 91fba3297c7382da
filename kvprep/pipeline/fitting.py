"""What is known of a document before anything is computed: its prompt, and whether that is stored."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kvprep.dedupe.exact import DocumentGroup
from kvprep.errors import ContextTooLong, DocumentError, IntegrityError
from kvprep.pipeline.report import IngestReport
from kvprep.prefill.models import BLOCK_SIZE, ModelFiles
from kvprep.progress import Progress
from kvprep.reuse.lookup import is_expired
from kvprep.store.entry import DocumentRecord, EntryRecord
from kvprep.store.namespace import Namespace
from kvprep.types import ContentHash, EntryId, Prompt, PromptTags, Skipped

if TYPE_CHECKING:
    from kvprep.prompt import PromptTemplate

ANSWER_ROOM_TOKENS = 512
"""Kept free of the model's positions for question and answer; a quarter of them in a small model."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A live entry, whole on disk, of a document that is known."""

    ident: EntryId
    entry: EntryRecord
    document: DocumentRecord


def fitting_prompt(template: "PromptTemplate", files: ModelFiles, text: str) -> Prompt:
    """Render a text for a model.

    Raises:
        ContextTooLong: question and answer would find no room behind it.
        ControlTokens: it spells a control token.
    """
    prompt = template.render(text)
    room = files.max_positions - min(ANSWER_ROOM_TOKENS, files.max_positions // 4)
    if len(prompt.token_ids) > room:
        raise ContextTooLong(f"{len(prompt.token_ids)} tokens; the model has room for {room} and a question")
    return prompt


def rendered(
    groups: Sequence[DocumentGroup], render: Callable[[str], Prompt], report: IngestReport, progress: Progress
) -> Iterator[tuple[DocumentGroup, Prompt]]:
    """Render documents; one that makes no prompt is reported as skipped, and left out."""
    progress.start("render", len(groups), "documents")
    for group in groups:
        progress.advance("render", 1)
        try:
            prompt = render(group.document.text)
        except DocumentError as error:
            for source in group.sources:
                report.add_skipped(source.path, Skipped(error.reason, str(error)))
            continue
        yield group, prompt
    progress.finish("render")


def stored_entry(
    namespace: Namespace, files: ModelFiles, tags: PromptTags, document: ContentHash, prompt: Prompt
) -> StoredEntry | None:
    """Find the entry that holds exactly this prompt of a document; None where it is gone, expired or damaged."""
    hashes = namespace.block_hashes(files.identity.fingerprint, prompt.token_ids, BLOCK_SIZE)
    ident = namespace.entry_id(document, hashes[-1])
    try:
        entry = namespace.entry_with_segments(ident)
        record = namespace.document(document)
        if entry is None or record is None or entry.tags != tags or is_expired(entry.expires_at):
            return None
    except IntegrityError:
        return None
    return StoredEntry(ident, entry, record)


def byte_budget(chosen: int | None, free_bytes: int) -> int:
    """Give the most bytes of new keys and values: what was chosen, else half of what is free."""
    return free_bytes // 2 if chosen is None else chosen


def free_bytes(folder: Path) -> int:
    """Tell how much is free where a folder lies, or will lie."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free
