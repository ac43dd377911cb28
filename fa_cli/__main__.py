"""`fa-run`, and `python -m fa_cli`: the command from its first moment on."""

import signal
import sys


def main() -> None:
    """Carry out the command line; who stops it while it is still being imported is heard, too."""
    try:
        from fa_cli.cli import main as command

        command()
    except (KeyboardInterrupt, RuntimeError) as error:
        told = (error, error.__cause__)  # Python 3.11 wraps what stops it in a __set_name__
        if not any(isinstance(one, KeyboardInterrupt) for one in told):
            raise
        print("fa-run: stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
