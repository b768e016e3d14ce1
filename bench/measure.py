#!/usr/bin/env python3
"""How long a command takes, what it computes, and what memory it and its children have together at most.

    bench/measure.py [--runs N] [--expect CODE,CODE] -- COMMAND...

Prints the medians as `wall_s cpu_s peak_mb`. CPU is that of the command and of every child it waited for. Memory is the
resident memory of all of them together, looked at every few milliseconds: what lives shorter than that is not seen.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

LOOK_SECONDS = 0.004


def descendants(root: int) -> list:
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left.extend(parents.get(pid, []))
    return found


def resident(pid: int) -> int:
    try:
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def once(command: list, expected: set) -> tuple:
    begun = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = []
    reader = threading.Thread(target=lambda: output.append(child.stdout.read()), daemon=True)
    reader.start()
    peak = 0
    while True:
        peak = max(peak, sum(resident(pid) for pid in descendants(child.pid)))
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(LOOK_SECONDS)
    wall = time.monotonic() - begun
    code = os.waitstatus_to_exitcode(status)
    reader.join(5)
    if code not in expected:
        sys.stderr.write(b"".join(output).decode(errors="replace"))
        raise SystemExit(f"error: {' '.join(command)} ended with {code}")
    # A command that is over before it was looked at twice is known to the kernel only.
    peak = max(peak, usage.ru_maxrss * 1024)
    return wall, usage.ru_utime + usage.ru_stime, peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--expect", default="0", help="exit codes that are right")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    expected = {int(code) for code in given.expect.split(",")}
    runs = [once(given.command, expected) for _ in range(given.runs)]
    print(" ".join(f"{statistics.median(column):.3f}" for column in zip(*runs)))


main()
