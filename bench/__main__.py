"""``python -m bench``: times; ``python -m bench instructions``: instruction counts."""

from __future__ import annotations

import signal
import sys

from bench import cli, instructions


def terminated(*_: object) -> None:
    """End on SIGTERM as on Ctrl-C, and so end the workers too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    if sys.argv[1:2] == ["instructions"]:
        sys.exit(instructions.main(sys.argv[2:]))
    sys.exit(cli.main(sys.argv[1:]))
