"""The best run of a sweep so far."""

from topkbench.runs import Record


class Best:
    """The best run so far, by validation.

    Attributes:
        told: it, in a few words; none before there is one.
    """

    def __init__(self) -> None:
        self.told = ""
        self._top1 = -1.0

    def see(self, record: Record) -> None:
        """Take in a run that is over; one that has failed is not the best."""
        top1 = record.selected["best_top1"]["valid"]["top1"] if record.status == "done" else -1.0
        if top1 > self._top1:
            self._top1 = top1
            self.told = f"best validation top-1 {top1:.2%}, {record.run_id}"
