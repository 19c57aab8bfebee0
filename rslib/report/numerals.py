"""How numbers are written on every page: signs, intervals, probabilities, means of runs."""

from statistics import mean, stdev

NOT_RUN = "not yet run"
SPACE = "\u00a0"  # does not break: a number and its ± stay on one line


def spread(scores, diverged=0):
    """Mean and standard deviation of a row's runs; scores: {seed: percent}."""
    if not scores:
        return "diverged" if diverged else NOT_RUN
    spread = f"{SPACE}±{SPACE}{stdev(scores.values()):.2f}" if len(scores) > 1 else ""
    return f"{mean(scores.values()):.2f}{spread}"


def signed(points, digits=1):
    return f"{points:+.{digits}f}".replace("-", "−")


def between(low, high):
    """An interval's ends, already written; on a phone the second may begin a line."""
    return f"{low}{SPACE}… {high}"


def span(interval, digits=2):
    return between(*(signed(end, digits) for end in interval))


def probability(p):
    return f"<{SPACE}0.001" if p < 0.001 else f"{p:.3f}"
