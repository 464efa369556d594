"""To how many decimals results are written."""

# 10,000 test images cannot tell smaller differences, and such digits would vary with the order of sums.
DECIMALS = 6


def rounded(value: float) -> float:
    """A result as the files of reports/ have it."""
    return round(float(value), DECIMALS)
