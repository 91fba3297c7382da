"""The program's entry: what has nothing to do is said at once, all else is for the app."""

import sys


def main() -> None:
    """Run the command line."""
    from kvprep.cli import again, output

    try:
        answered = again.answer(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        output.close_stdout()
        raise SystemExit(1) from None
    if answered:
        return
    from kvprep.cli.app import main as run

    run()
