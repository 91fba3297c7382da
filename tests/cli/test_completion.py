"""Shells complete commands and options, and completing a command's name imports none of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kvprep.cli.app import COMMANDS
from kvprep.cli.key import COMMANDS as KEY_COMMANDS

PROGRAM = Path(sys.executable).with_name("kvprep")


def answered(shell: str, line: str) -> str:
    """Ask as the shell's completion script does."""
    words = line.split(" ")
    asked = {
        "_KVPREP_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    result = subprocess.run([PROGRAM], env=os.environ | asked, capture_output=True, text=True, check=False, timeout=60)
    assert result.stderr == ""
    return result.stdout


def test_bash_completes_commands_commands_of_groups_options_and_choices() -> None:
    assert answered("bash", "kvprep ").split() == list(COMMANDS)
    assert answered("bash", "kvprep in").split() == ["init", "ingest", "invalidate"]
    assert answered("bash", "kvprep key ").split() == list(KEY_COMMANDS)
    assert answered("bash", "kvprep key ro").split() == ["rotate"]
    assert answered("bash", "kvprep ingest --no").split() == ["--no-wait"]
    assert answered("bash", "kvprep key add --j").split() == ["--json"]
    assert answered("bash", "kvprep verify --level ").split() == ["structure", "checksum", "bytes", "deep"]


def test_zsh_and_fish_show_what_a_command_does() -> None:
    assert f'"gc":"{COMMANDS["gc"]}"' in answered("zsh", "kvprep g")
    assert answered("fish", "kvprep g").strip() == f"gc\t{COMMANDS['gc']}"
    assert answered("fish", "kvprep key ro").strip() == f"rotate\t{KEY_COMMANDS['rotate']}"


def test_what_is_stored_is_not_offered(stocked: Path) -> None:
    assert answered("bash", "kvprep show ").strip() == ""


@pytest.mark.parametrize("line", ["kvprep ", "kvprep in"])
def test_completing_the_name_of_a_command_imports_none(line: str) -> None:
    script = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from kvprep.cli.main import main\n"
        "sys.argv = ['kvprep']\n"
        "main()\n"
    )
    asked = {"_KVPREP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "1"}
    command = (sys.executable, "-c", script)
    result = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=True, timeout=60)
    imported = set(result.stderr.split())
    assert not imported & {f"kvprep.cli.{name}" for name in COMMANDS}
    # The receipt of an unchanged ingest, which is looked for first, knows where a key and a store lie.
    assert not imported & {"torch", "transformers", "numpy", "sqlite3", "kvprep.store.store", "kvprep.documents"}


def _in_shell(shell: str, *words: str, script: str) -> str:
    """Run a script in a shell that finds the program by its name."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    environment = os.environ | {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    command = [shell, *words, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_that_is_shown_completes_in_bash() -> None:
    script = """
eval "$(kvprep --show-completion)"
COMP_WORDS=(kvprep key ro) COMP_CWORD=2
_kvprep_completion kvprep
printf '%s\\n' "${COMPREPLY[@]}"
"""
    assert _in_shell("bash", "--norc", script=script).split() == ["rotate"]


def test_the_script_that_is_shown_completes_in_fish() -> None:
    script = "kvprep --show-completion | source; complete --do-complete 'kvprep key ro'"
    assert _in_shell("fish", "--no-config", script=script).split("\t")[0] == "rotate"


def test_the_script_that_is_shown_loads_in_zsh() -> None:
    script = """
autoload -Uz compinit && compinit -u -D
eval "$(kvprep --show-completion)"
print -r -- $_comps[kvprep]
"""
    assert _in_shell("zsh", "-f", script=script).strip() == "_kvprep_completion"


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bash_completions/kvprep.sh"),
        ("zsh", ".zfunc/_kvprep"),
        ("fish", ".config/fish/completions/kvprep.fish"),
    ],
)
def test_it_is_installed_for_the_shell_that_asks(shell: str, file: str) -> None:
    # `true`: a shell that has one command left to run becomes that command, and then no shell asks.
    _in_shell(shell, script="kvprep --install-completion; true")
    assert "_KVPREP_COMPLETE=complete_" in (Path(os.environ["HOME"]) / file).read_text()
