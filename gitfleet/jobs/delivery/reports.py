"""What has become of work, in words. Pure."""

from __future__ import annotations

from gitfleet.jobs.records.delivery_record import Delivery
from gitfleet.jobs.records.job_record import JobRecord


def lines(delivery: Delivery) -> list[str]:
    """Each thing that was done with it, or could not be, in a line."""
    said = [
        f"pushed at {delivery.pushed[:12]}" if delivery.pushed else "",
        f"request {delivery.request}" if delivery.request else "",
        f"queue entry {delivery.entry}" + (f": {delivery.became}" if delivery.became else "") if delivery.entry else "",
        f"{delivery.again} goes on with it" if delivery.again else "",
        delivery.waits,
        delivery.refused,
    ]  # fmt: skip
    return [line for line in said if line]


def concern(job: JobRecord) -> str:
    """Why a job has not ended well, or what of its work waits or was refused; "" for nothing."""
    delivery = job.attempts[-1].delivery if job.attempts else Delivery()
    back = delivery.became if delivery.became.startswith(BACK) and not delivery.again else ""
    return job.error or delivery.refused or delivery.waits or back


BACK = "came back"
"""How it begins what is said of an entry that the queue has handed back."""
