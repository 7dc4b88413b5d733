"""Figures and tables as text, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["count", "seconds", "table"]


def seconds(value: float) -> str:
    """A duration in three figures with its unit: 0, 850ns, 12.3us, 4.56ms, 1.50s, 310s."""
    if value <= 0:
        return "0"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        # 999.6us is 1.00ms: round before choosing.
        if value >= 0.9995 * size:
            scaled = value / size
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{unit}"
    return f"{value * 1e9:.0f}ns"


def count(value: int) -> str:
    """A whole number with its thousands apart: 12,345."""
    return f"{value:,}"


def table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)
) -> str:
    """Columns under titles, two spaces apart; those in ``left`` start flush left, the
    others end flush right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join(line(cells) for cells in (titles, *rows))
