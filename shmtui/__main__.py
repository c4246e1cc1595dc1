"""``python -m shmtui``."""

import gc
import sys


def main() -> None:
    """Run the command line."""
    # Importing makes objects that live for ever: collecting among them costs a twentieth of the start.
    gc.disable()
    try:
        from shmtui.cli import run_cli  # noqa: PLC0415 - workers import this package too
    except KeyboardInterrupt:
        sys.exit(130)  # Nothing has been made yet, and an early Ctrl+C is no error.
    sys.exit(run_cli(sys.argv[1:]))


if __name__ == "__main__":
    main()
