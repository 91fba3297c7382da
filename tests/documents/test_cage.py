import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import document_makers as make
import pytest

from kvprep.documents.base import Limits
from kvprep.documents.cage import Cage
from kvprep.types import CanonicalDocument, Skipped

TRAP = [sys.executable, "-P", str(Path(__file__).with_name("trap_child.py"))]


def obey(*orders: str, jobs: int = 1, limits: Limits | None = None) -> list[CanonicalDocument | Skipped]:
    with Cage(jobs=jobs, limits=limits, command=TRAP) as cage:
        return [item.reading for item in cage.read((order, order.encode(), ".txt") for order in orders)]


def texts(results: list[CanonicalDocument | Skipped]) -> list[str]:
    return [result.text.strip() if isinstance(result, CanonicalDocument) else result.reason for result in results]


def test_real_files_are_read_in_the_order_they_came_in() -> None:
    files = [
        ("invoice", make.pdf(make.lines("Invoice 17", "Total 12.00")), "invoice.pdf"),
        ("contract", make.docx_of(make.p(make.r("This Agreement"))), "contract.docx"),
        ("notes", "Grüße".encode("cp1252"), "notes.txt"),
        ("readme", b"# Title\n\nText\n", "README.md"),
    ]
    with Cage(jobs=2) as cage:
        results = list(cage.read(files))
    assert [item.tag for item in results] == ["invoice", "contract", "notes", "readme"]
    assert [item.reading.text for item in results if isinstance(item.reading, CanonicalDocument)] == [
        "Invoice 17\nTotal 12.00\n",
        "This Agreement\n",
        "Grüße\n",
        "# Title\n\nText\n",
    ]
    assert all(item.seconds > 0 for item in results)


def test_many_documents_keep_their_order_whatever_each_takes() -> None:
    orders = [f"say {number}" if number % 7 else "hang 0.05" for number in range(60)]
    expected = [str(number) if number % 7 else "hang done" for number in range(60)]
    assert texts(obey(*orders, jobs=3)) == expected


def test_sources_are_pulled_only_a_little_ahead() -> None:
    pulled = []

    def sources() -> Iterator[tuple[int, bytes, str]]:
        for number in range(100):
            pulled.append(number)
            yield number, b"say it", ".txt"

    with Cage(jobs=2, command=TRAP) as cage:
        results = cage.read(sources())
        next(results)
        assert len(pulled) <= 4
        assert len(list(results)) == 99


def test_a_hanging_reader_ends_in_a_timeout_and_the_next_document_is_read() -> None:
    hung, said = obey("hang 60", "say on", limits=Limits(wall_seconds=2.0))
    assert hung == Skipped("timeout", "reading it took more than 2 seconds", failed=True)
    assert texts([said]) == ["on"]


def test_a_reader_that_burns_its_processor_time_ends_in_a_timeout() -> None:
    spun, said = obey("spin", "say on", limits=Limits(cpu_seconds=1))
    assert spun == Skipped("timeout", "reading it took more than 1 processor seconds", failed=True)
    assert texts([said]) == ["on"]


def test_processor_time_is_counted_for_each_document_alone() -> None:
    assert texts(obey(*["burn 0.6"] * 5, limits=Limits(cpu_seconds=1))) == ["burn done"] * 5


@pytest.mark.parametrize(
    ("order", "how"),
    [("exit 0", "exit 0"), ("exit 3", "exit 3"), ("signal SIGSEGV", "SIGSEGV"), ("signal SIGKILL", "SIGKILL")],
)
def test_a_reader_that_dies_costs_its_own_document_only(order: str, how: str) -> None:
    before, died, after = obey("say one", order, "say two")
    assert died == Skipped("crashed", f"the reading process ended unasked ({how})", failed=True)
    assert texts([before, after]) == ["one", "two"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit address space")
def test_a_memory_bomb_is_too_large() -> None:
    bomb, said = obey("eat 4096", "say on", limits=Limits(memory_bytes=1 << 30))
    assert isinstance(bomb, Skipped)
    assert (bomb.reason, bomb.failed) == ("too-large", True)
    assert texts([said]) == ["on"]


def test_text_over_the_output_limit_is_too_large() -> None:
    small, large = obey("flood 63", "flood 65", limits=Limits(output_bytes=65_536))
    assert isinstance(small, CanonicalDocument)
    assert isinstance(large, Skipped)
    assert (large.reason, large.failed) == ("too-large", True)


def test_a_child_that_floods_past_its_own_limit_is_cut_off(tmp_path: Path) -> None:
    child = tmp_path / "flooding.py"
    child.write_text(
        "import os, struct, sys\n"
        "os.write(1, struct.pack('<IQ', 2, 1 << 40) + b'{}')\n"
        "while True: os.write(1, b'x' * 65536)\n"
    )
    with Cage(jobs=1, command=[sys.executable, str(child)]) as cage:
        (item,) = cage.read([(0, b"say", ".txt")])
    assert isinstance(item.reading, Skipped)
    assert (item.reading.reason, item.reading.failed) == ("too-large", True)


@pytest.mark.parametrize("babble", ["b'hello, I am no frame at all'", "struct.pack('<IQ', 2, 0) + b'[]'", "b''"])
def test_a_child_that_babbles_has_crashed(tmp_path: Path, babble: str) -> None:
    child = tmp_path / "babbling.py"
    child.write_text(f"import os, struct\nos.write(1, {babble})\n")
    with Cage(jobs=1, command=[sys.executable, str(child)]) as cage:
        (item,) = cage.read([(0, b"say", ".txt")])
    assert isinstance(item.reading, Skipped)
    assert (item.reading.reason, item.reading.failed) == ("crashed", True)


def test_a_file_over_the_limit_is_never_sent() -> None:
    (result,) = obey("say " + "x" * 2000, limits=Limits(file_bytes=1000))
    assert result == Skipped("too-large", "2004 bytes, more than 1000", failed=True)


def test_a_failing_reader_is_named_without_what_it_says() -> None:
    failed, said = obey("fail IBAN-DE89", "say on")
    assert isinstance(failed, Skipped)
    assert (failed.reason, failed.failed) == ("crashed", True)
    assert failed.message.startswith("the reader failed: ValueError at trap_child.py:")
    assert "DE89" not in failed.message
    assert texts([said]) == ["on"]


def test_an_expected_refusal_keeps_its_reason_and_the_child() -> None:
    first, refused, second = obey("pid", "protected", "pid")
    assert refused == Skipped("password-protected", "opens with a password only", failed=False)
    assert texts([first]) == texts([second])


def test_what_libraries_print_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    assert texts(obey("print secret", "say on")) == ["printed", "on"]
    assert capfd.readouterr() == ("", "")


def test_children_know_no_secret_and_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KVPREP_KEY_FILE", "KVPREP_STORE", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "HOME"):
        monkeypatch.setenv(name, "secret")
    (names,) = texts(obey("environment"))
    assert set(names.split()) <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH"}


def test_children_inherit_no_open_file(tmp_path: Path) -> None:
    (alone,) = texts(obey("descriptors"))
    with (tmp_path / "key").open("wb") as key:
        os.set_inheritable(key.fileno(), True)
        (beside,) = texts(obey("descriptors"))
    assert beside == alone


def test_children_put_no_byte_into_a_file(tmp_path: Path) -> None:
    assert texts(obey(f"write {tmp_path / 'file'}")) == ["File too large"]
    assert (tmp_path / "file").read_bytes() == b""


def test_an_idle_child_has_loaded_nothing_that_reads() -> None:
    command = "import sys, kvprep.documents.child; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-P", "-c", command], capture_output=True, text=True, check=True).stdout
    assert "kvprep.documents.frames" in names.split()
    assert not {"kvprep.documents.base", "numpy", "lxml", "pypdfium2"} & set(names.split())


def test_a_module_beside_the_documents_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("import os; os._exit(9)")
    monkeypatch.chdir(tmp_path)
    with Cage(jobs=1) as cage:
        (item,) = cage.read([(0, b"text", "a.txt")])
    assert isinstance(item.reading, CanonicalDocument)


def test_children_end_with_the_cage() -> None:
    with Cage(jobs=2, command=TRAP) as cage:
        pids = [int(text) for text in texts([item.reading for item in cage.read([(0, b"pid", ""), (1, b"pid", "")])])]
        unfinished = cage.read((number, b"hang 60", ".txt") for number in range(10))
        started = time.monotonic()
        with pytest.raises(RuntimeError, match="enough"):
            for _ in _until_running(unfinished):
                raise RuntimeError("enough")
    assert time.monotonic() - started < 30
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _until_running(results: Iterator[object]) -> Iterator[None]:
    """Let the cage pull its first documents, which hang, and come back at once."""
    import threading

    threading.Thread(target=lambda: next(results, None), daemon=True).start()
    time.sleep(0.3)
    yield None


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from kvprep.documents.cage import Cage\n"
        f"with Cage(jobs=1, command={TRAP!r}) as cage:\n"
        "    (item,) = cage.read([(0, b'pid', '.txt')])\n"
        "    print(item.reading.text.strip(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process that is not our child is there, and no zombie that nobody has asked for."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_ctrl_c_ends_the_parent_without_a_word_from_the_children(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from kvprep.documents.cage import Cage\n"
        "try:\n"
        f"    with Cage(jobs=2, command={TRAP!r}) as cage:\n"
        "        results = cage.read((n, b'say on' if n < 1 else b'hang 60', '.txt') for n in range(5))\n"
        "        for _ in results:\n"
        "            print('ready', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
        start_new_session=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    os.killpg(parent.pid, signal.SIGINT)
    out, err = parent.communicate(timeout=30)
    assert (parent.returncode, out, err) == (130, b"", b"")
