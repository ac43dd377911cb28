"""`python -m fa_cli` is `fa-run`."""

from fa_cli.cli import main

if __name__ == "__main__":
    main()
