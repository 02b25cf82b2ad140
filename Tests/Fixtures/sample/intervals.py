# SPDX-License-Identifier: Apache-2.0
"""Half-open intervals of whole numbers, as pairs (start, end)."""


def merge(intervals):
    """The same points as few intervals, in order; intervals that touch become one."""
    merged = []
    for start, end in sorted(intervals):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def length(intervals):
    """How many whole numbers lie in at least one interval."""
    return sum(end - start for start, end in merge(intervals))
