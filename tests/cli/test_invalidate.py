import time
from pathlib import Path

import pytest
from document_makers import mail


def names(json_of) -> set[str]:
    return {Path(d["sources"][0]).name for d in json_of("ls")["documents"]}


@pytest.mark.parametrize("flag", ["--document", "--source"])
def test_one_document_goes_and_the_other_stays(run, json_of, stocked: Path, flag: str) -> None:
    facts = json_of("invalidate", flag, stocked / "lease.txt")
    assert (facts["entries"], facts["documents"]) == (1, 1)
    assert facts["bytes"] > 0
    assert names(json_of) == {"invoice.txt"}


def test_a_file_stands_for_all_that_it_holds(run, json_of, stocked: Path) -> None:
    (stocked / "mail.eml").write_bytes(mail("Dear Bob.", {"terms.txt": b"Thirty days.", "note.md": b"# Note"}))
    run("ingest", stocked)
    assert json_of("invalidate", "--source", stocked / "mail.eml" / "note.md")["documents"] == 1
    assert json_of("invalidate", "--source", stocked / "mail.eml")["documents"] == 2
    assert names(json_of) == {"invoice.txt", "lease.txt"}


def test_a_mail_stands_for_its_attachments_at_all_depths(run, json_of, stocked: Path) -> None:
    inner = mail("See below.", {"deep.txt": b"Deep inside."})
    (stocked / "mail.eml").write_bytes(mail("Dear Bob.", {"terms.txt": b"Thirty days.", "forwarded.eml": inner}))
    run("ingest", stocked)
    assert len(json_of("ls")["documents"]) == 6
    planned = json_of("invalidate", "--dry-run", "--document", stocked / "mail.eml" / "forwarded.eml")
    assert planned["documents"] == 2
    assert json_of("invalidate", "--dry-run", "--source", stocked / "mail.eml" / "forwarded.eml") == planned
    assert json_of("invalidate", "--document", stocked / "mail.eml")["documents"] == 4
    assert names(json_of) == {"invoice.txt", "lease.txt"}


def test_all_preambles_and_models_of_a_document_go_and_what_is_only_alike_stays(
    run, json_of, stocked: Path, tmp_path: Path, tiny_model
) -> None:
    lease = stocked / "lease.txt"
    (stocked / "like.txt").write_text(lease.read_text().replace("five", "four"))
    (tmp_path / "preamble").write_text("You read leases.")
    run("ingest", stocked)
    run("ingest", "--preamble", tmp_path / "preamble", stocked)
    run("ingest", "--model", tiny_model("gpt2"), "--dtype", "float32", lease)
    assert len(json_of("show", lease)["entries"]) > 1
    number = len(json_of("show", lease)["entries"])
    facts = json_of("invalidate", "--document", lease)
    assert (facts["entries"], facts["documents"]) == (number, 1)
    assert names(json_of) == {"invoice.txt", "like.txt"}


@pytest.mark.parametrize("at", [0, 70, -1])
def test_all_takes_what_does_not_even_say_whose_it_is(json_of, stocked: Path, store: Path, at: int) -> None:
    damaged = min((store / "entries").glob("??/*.kve"))
    data = bytearray(damaged.read_bytes())
    data[at] ^= 1
    damaged.write_bytes(data)
    assert json_of("invalidate", "--all")["entries"] == 2
    assert list((store / "entries").glob("??/*.kve")) == []


def test_an_entry_that_was_invalidated_and_put_back_is_not_used(run, stocked: Path, store: Path) -> None:
    kept = {path: path.read_bytes() for path in (store / "entries").glob("??/*.kve")}
    index = (store / "index.sqlite").read_bytes()
    run("invalidate", "--all")
    for path, data in kept.items():
        path.write_bytes(data)
    for state in ("as it is", "put back, too"):
        if state != "as it is":
            (store / "index.sqlite").write_bytes(index)
        assert run("ask", "--require-hit", stocked / "lease.txt", "Who?").exit_code == 5, state
    assert run("verify").exit_code == 4


def test_a_dry_run_says_the_same_and_changes_nothing(json_of, stocked: Path) -> None:
    planned = json_of("invalidate", "--all", "--dry-run")
    assert names(json_of) == {"lease.txt", "invoice.txt"}
    done = json_of("invalidate", "--all")
    assert planned | {"dry_run": False} == done
    assert names(json_of) == set()


def test_a_model_is_named_whole_or_by_its_fingerprint(json_of, stocked: Path, model: Path) -> None:
    fingerprint = json_of("show", stocked / "lease.txt")["entries"][0]["fingerprint"]
    assert json_of("invalidate", "--dry-run", "--model", model.name[:-1])["entries"] == 0
    assert json_of("invalidate", "--dry-run", "--model", model.name)["entries"] == 2
    assert json_of("invalidate", "--dry-run", "--model", fingerprint[:12])["entries"] == 2


def test_what_is_named_must_fit_all_options(json_of, stocked: Path) -> None:
    assert json_of("invalidate", "--source", stocked / "lease.txt", "--older-than", "1d")["entries"] == 0


def test_expired_entries_go(run, json_of, sources: Path) -> None:
    run("ingest", "--ttl", "0.01s", sources / "lease.txt")
    run("ingest", "--ttl", "1d", sources / "invoice.txt")
    time.sleep(0.02)
    assert json_of("invalidate", "--expired")["entries"] == 1
    assert names(json_of) == {"invoice.txt"}


def test_all_takes_damaged_entries_too(json_of, stocked: Path, store: Path) -> None:
    damaged = min((store / "entries").glob("??/*.kve"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert json_of("invalidate", "--all")["entries"] == 2
    assert list((store / "entries").glob("??/*.kve")) == []


def test_without_a_choice_nothing_goes(run, json_of, stocked: Path) -> None:
    assert run("invalidate").exit_code == 2
    assert run("invalidate", "--model", "").exit_code == 2
    assert len(names(json_of)) == 2


def test_it_does_not_wait_for_an_ingest(run, stocked: Path, store: Path, tmp_path: Path) -> None:
    from kvprep.store.store import Store

    with Store.open(store, key_file=tmp_path / "key") as opened, opened.namespace("default").lease():
        assert run("invalidate", "--all").exit_code == 0


def test_what_was_invalidated_is_not_a_hit(run, stocked: Path) -> None:
    run("invalidate", "--all")
    assert run("ask", "--require-hit", stocked / "lease.txt", "Who?").exit_code == 5


def test_a_source_from_which_nothing_is_stored_is_an_error_and_nothing_goes(run, json_of, stocked: Path) -> None:
    result = run("invalidate", "--source", stocked / "lease.txt", "--source", stocked / "laese.txt")
    assert result.exit_code == 1
    assert "laese.txt: nothing is stored from there" in result.stderr
    assert names(json_of) == {"lease.txt", "invoice.txt"}
