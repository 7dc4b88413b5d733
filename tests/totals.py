"""Sums the JUnit files of a test run: one line a part, and the sum as the last line.

``totals.py DIRECTORY`` reads NAME.xml and NAME.status ("ok" or "failed") of each part.
A part that failed without a failing test (a crash, a build) counts as one failure.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def read(path: Path) -> tuple[int, int, int]:
    """(passed, failed, skipped) of one file; its test cases are counted one by one."""
    if not path.exists():
        return 0, 0, 0
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def said(passed: int, failed: int, skipped: int) -> str:
    """The line that is read by people and programs alike."""
    tail = f", {skipped} skipped" if skipped else ""
    return f"{passed} passed, {failed} failed{tail}"


def main(directory: Path) -> int:
    """Print the parts and the sum; 1 if anything failed or nothing ran."""
    total = [0, 0, 0]
    print()
    for status in sorted(directory.glob("*.status")):
        try:
            passed, failed, skipped = read(status.with_suffix(".xml"))
        except ElementTree.ParseError:
            passed, failed, skipped = 0, 1, 0
        broken = status.read_text().strip() != "ok" and failed == 0
        failed += broken
        note = "  (the part itself failed; see above)" if broken else ""
        print(f"  {status.stem:<14} {said(passed, failed, skipped)}{note}")
        total = [a + b for a, b in zip(total, (passed, failed, skipped), strict=True)]
    print()
    print(said(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
