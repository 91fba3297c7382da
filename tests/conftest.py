"""Guards: no test writes to the home folder or speaks to another machine."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
REAL_HOME = Path.home().resolve()
# Asked for once, here: tempfile tries its folder out under a lock, and the hook must not ask for it meanwhile.
TEMPORARY = Path(tempfile.gettempdir()).resolve()
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
WRITE_EVENTS = {"os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.link": 1, "os.symlink": 1}
XDG = {"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "run"}
SLOW_FIXTURES = frozenset({"bundled_model", "library"})

pytest_plugins = ("model_fixtures", "desk")

# Read once, when they are imported, by the Hugging Face libraries: hence before any test module is.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_refuse)
    # A shell starts what runs in its background with Ctrl-C ignored, and child processes would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first; the order within each half stays."""
    items.sort(key=_is_slow)


def _is_slow(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("slow") is not None or not SLOW_FIXTURES.isdisjoint(fixtures)


def _refuse(event: str, args: tuple[object, ...]) -> None:
    """An audit hook: unlike a patched function it sees every library, and nothing can take it away again."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        _refuse_distant(args[1])
    elif event == "socket.getaddrinfo":
        _refuse_distant((args[0],))
    elif event == "open" and isinstance(args[2], int) and args[2] & WRITE_FLAGS:
        _refuse_home(args[0])
    elif event in WRITE_EVENTS:
        _refuse_home(args[WRITE_EVENTS[event]])


def _refuse_distant(address: object) -> None:
    if not isinstance(address, tuple):  # a Unix socket, or none
        return
    host = address[0]
    host = host.decode() if isinstance(host, bytes) else host
    if host not in (None, "", "localhost") and not _is_loopback(str(host)):
        raise RuntimeError(f"a test reached for the network: {host}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_home(path: object) -> None:
    if not isinstance(path, str | bytes | os.PathLike):  # an open descriptor
        return
    absolute = Path(os.path.abspath(os.fsdecode(path)))
    allowed = (REPOSITORY, TEMPORARY, Path(sys.prefix))
    if absolute.is_relative_to(REAL_HOME) and not any(absolute.is_relative_to(folder) for folder in allowed):
        raise RuntimeError(f"a test wrote to the home folder: {absolute}")


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache folder of all tests: one, and kept, so that no model is digested or converted twice."""
    cache = tmp_path_factory.mktemp("cache")
    kept = Path(os.environ.get("KVPREP_TEST_CACHE", REPOSITORY / ".cache" / "kvprep-tests"))
    kept.mkdir(parents=True, exist_ok=True)
    (cache / "kvprep").symlink_to(kept)
    return cache


@pytest.fixture(autouse=True)
def _elsewhere(
    tmp_path_factory: pytest.TempPathFactory, session_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give each test a home folder of its own, and none of the caller's kvprep settings; child processes inherit it."""
    for name in [name for name in os.environ if name.startswith("KVPREP_") and name != "KVPREP_TEST_CACHE"]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, folder in XDG.items():
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(session_cache))
    yield
