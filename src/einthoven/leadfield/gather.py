"""Batches of electrodes: which electrodes a job solves."""


def batches(n_electrodes: int, electrodes_per_job: int) -> list[tuple[int, int]]:
    """First and one past the last electrode of each job; 0 a job means all in one."""
    size = electrodes_per_job or max(n_electrodes, 1)
    starts = range(0, n_electrodes, size)
    return [(start, min(start + size, n_electrodes)) for start in starts]
