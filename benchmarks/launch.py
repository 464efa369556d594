"""Start a command, wait for it, and write what it used: `python launch.py REPORT COMMAND...`.

Linux counts the memory of the process that starts a command as the command's own peak. This script imports next to
nothing, so that a large benchmark process does not show in the figures.
"""

import os
import sys
import time

report, *command = sys.argv[1:]
started = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
seconds = time.perf_counter() - started
# How long it was ready to run and was not running. Nobody but Linux tells.
stat = f"/proc/{pid}/schedstat"
waited = int(open(stat).read().split()[1]) / 1e9 if os.path.exists(stat) else 0.0  # noqa: PTH110, PTH123, SIM115
_, status, usage = os.wait4(pid, 0)
# The peak is that of the largest process below, in KiB on Linux and in bytes on macOS.
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
with open(report, "w") as file:  # noqa: PTH123
    file.write(f"{seconds} {waited} {usage.ru_utime + usage.ru_stime} {peak}")
sys.exit(os.waitstatus_to_exitcode(status))
