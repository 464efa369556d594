"""A worker's share of each batch, where several processes train one network: equal for all, so that none waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf


class Share(NamedTuple):
    """Which part of each batch a process trains on.

    Attributes:
        rank: number of the process, from 0.
        workers: how many there are. One has whole batches.
    """

    rank: int = 0
    workers: int = 1

    def steps(self, count: int, batch_size: int) -> int:
        """How many batches an epoch has. A last one with fewer images than workers is left out.

        Args:
            count: images.
            batch_size: of all workers together.
        """
        return count // batch_size + (count % batch_size >= self.workers)

    def of(self, batch: tf.Tensor) -> tf.Tensor:
        """This process's part of a batch, (n // workers, …). Up to `workers` - 1 last rows are nobody's.

        Args:
            batch: any dtype, (n, …), the same in all processes.
        """
        if self.workers == 1:
            return batch
        import tensorflow as tf

        each = tf.shape(batch)[0] // self.workers
        return batch[self.rank * each : (self.rank + 1) * each]

    def of_rows(self, rows: tf.data.Dataset, steps: int) -> tf.data.Dataset:
        """This process's part of batches of row numbers.

        Args:
            rows: int64 (batch,).
            steps: how many batches there are, of `steps`.
        """
        return rows if self.workers == 1 else rows.take(steps).map(self.of)


WHOLE = Share()
