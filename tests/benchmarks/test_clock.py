import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from benchmarks.clock import Mark, seconds

BUSY = "import time\nend = time.time() + 60\nwhile time.time() < end: pass"
WORK = np.random.default_rng(0).random(200_000)


def work():
    for _ in range(20):
        np.sort(WORK)


def test_sleeping_counts():
    assert seconds(lambda: time.sleep(0.2)) >= 0.2


def test_what_another_thread_does_counts():
    def elsewhere():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    started = time.process_time()
    found = seconds(elsewhere)
    assert found > 0.9 * (time.process_time() - started) > 0


@pytest.mark.slow
def test_waiting_for_a_processor_that_others_keep_busy_does_not():
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(3 * os.cpu_count())]
    try:
        time.sleep(0.5)
        founds, busy = [], []
        for _ in range(2):
            cpu, mark = time.process_time(), Mark()
            work()
            founds.append(Mark() - mark)
            busy.append(time.process_time() - cpu)
    finally:
        for other in others:
            other.kill()
            other.wait()
    # Of four seconds, this process has a processor for one.
    assert 0.9 * min(busy) <= min(founds) < 1.3 * max(busy)
