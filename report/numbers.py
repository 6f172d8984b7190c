"""How numbers are written, and how it is said that one is missing: never a blank, never a zero."""

NOT_MEASURED = "not measured"


def percent(fraction: float, digits: int = 2) -> str:
    """Return a fraction as percent."""
    return f"{100 * fraction:.{digits}f}%"


def percent_interval(interval: tuple[float, float], digits: int = 2) -> str:
    """Return an interval of fractions as percent."""
    low, high = interval
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f}%"


def milliseconds(value: float | None) -> str:
    """Return a duration to three or four figures."""
    return NOT_MEASURED if value is None else f"{_short(value)} ms"


def milliseconds_interval(interval: tuple[float, float] | None) -> str:
    """Return an interval of durations."""
    if interval is None:
        return "too few blocks"
    return f"{_short(interval[0])} to {_short(interval[1])} ms"


def times(value: float | None, interval: tuple[float, float] | None = None) -> str:
    """Return a ratio, with its interval where there is one."""
    if value is None:
        return NOT_MEASURED
    if interval is None:
        return f"{value:.2f}×"
    return f"{value:.2f}× ({interval[0]:.2f} to {interval[1]:.2f})"


def small(value: float | None) -> str:
    """Return a difference of logits."""
    return NOT_MEASURED if value is None else f"{value:.2g}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def megabytes(size: int | None) -> str:
    """Return a file's size in millions of bytes."""
    if size is None:
        return "not recorded"
    return f"{size / 1e6:.2f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def _short(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"
