#!/usr/bin/env python3
"""How long is a writer stuck, and which acknowledged writes are gone, when Redis Sentinel moves the primary?

One primary, one replica, three Sentinels, all on 127.0.0.1, all started here and stopped by their process ids. A writer
SETs a new numbered key at a steady rate, waits for each reply, and follows Sentinel as a client library does. Between the
"regions" stands a small relay that delays bytes, so that the replica lags like one across a WAN, and that can drop them.

  kill    SIGKILL to the primary. The system still delivers what the process had handed over, so little is lost.
  vanish  The primary's region is gone: bytes under way are lost, nothing answers, no connection is refused or closed.

  rto_ms  from the fault to the first acknowledged write on the new primary
  lost    acknowledged writes that the new primary does not hold

Needs redis-server (or REDIS_SERVER) and nothing else; `make trials` calls it where there is Python.
"""

import argparse
import asyncio
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HOST = "127.0.0.1"
REDIS = os.environ.get("REDIS_SERVER") or shutil.which("redis-server") or "redis-server"

SETUP_S = 30.0  # for replication and the Sentinels to find each other
SETTLE_S = 25.0  # for a failover to happen
WARM_S = 1.5  # of load before the fault, and after the recovery
REPLY_S = 0.5  # how long the writer waits for a reply


class Reply(Exception):
    """An error reply."""


class Connection:
    """One connection that speaks RESP2."""

    def __init__(self, port, timeout=REPLY_S):
        self.socket = socket.create_connection((HOST, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
        self.socket.sendall(b"*%d\r\n" % len(encoded) + b"".join(parts))
        return self.read()

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Reply(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def close(self):
        try:
            self.file.close()
            self.socket.close()
        except OSError:
            pass


BROKEN = (OSError, EOFError, Reply)


class Relay:
    """Listens on a port of its own and forwards to `target`; each direction is late by `delay`. `drop` swallows all."""

    def __init__(self, target, delay):
        self.target, self.delay, self.drop = target, delay, False
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()
        if not self.ready.wait(5):
            raise SystemExit("the relay did not start")

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self.client, HOST, 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    async def client(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.close()
            return
        both = (self.pump(reader, far_writer), self.pump(far_reader, writer))
        try:
            await asyncio.gather(*both, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # the end of a run

    async def pump(self, reader, writer):
        under_way = asyncio.Queue()

        async def deliver():
            while True:
                due, data = await under_way.get()
                wait = due - self.loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                while self.drop:
                    await asyncio.sleep(0.02)
                if data is None:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        task = asyncio.ensure_future(deliver())
        try:
            while True:
                data = await reader.read(65536)
                under_way.put_nowait((self.loop.time() + self.delay, data or None))
                if not data:
                    break
        except OSError:
            under_way.put_nowait((0, None))
        try:
            await task
        except OSError:
            pass

    def stop(self):
        async def end():
            self.server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        try:
            asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind((HOST, 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def until(condition, seconds):
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (*BROKEN, KeyError, TypeError) as error:
            last = error
        time.sleep(0.02)
    raise SystemExit(f"not within {seconds} s: {condition.__name__} ({last!r})")


class Cluster:
    """A primary, a replica that reaches it through the relay, and three Sentinels that do as well."""

    def __init__(self, args):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sentinel-rto."))
        self.processes, self.moves = [], 0
        self.primary_port, self.replica_port, *self.sentinel_ports = free_ports(5)
        self.link = Relay(self.primary_port, args.delay_ms / 1e3)
        # Everybody else knows the primary by the relay's address; the writer is beside it.
        self.own_address = {self.link.port: self.primary_port}
        try:
            self.start(args)
        except BaseException:
            self.stop()
            raise

    def start(self, args):
        common = ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        common += ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]
        announced = ["--replica-announce-ip", HOST, "--replica-announce-port"]
        self.primary_process = self.run(["--port", self.primary_port, *announced, self.link.port, *common])
        replica = ["--port", self.replica_port, *announced, self.replica_port, "--replicaof", HOST, self.link.port]
        self.run([*replica, *common])

        def replica_is_linked():
            return b"master_link_status:up" in Connection(self.replica_port)("INFO", "replication")

        until(replica_is_linked, SETUP_S)
        for port in self.sentinel_ports:
            file = self.directory / f"{port}.conf"
            file.write_text(
                f"port {port}\nbind {HOST}\ndir {self.directory}\n"
                f"sentinel monitor m {HOST} {self.link.port} 2\n"
                f"sentinel down-after-milliseconds m {args.down_after_ms}\n"
                "sentinel failover-timeout m 10000\nsentinel parallel-syncs m 1\n"
            )
            self.run([file, "--sentinel"])

        def all_are_known():
            for port in self.sentinel_ports:
                answer = Connection(port)("SENTINEL", "MASTER", "m")
                seen = dict(zip(answer[::2], answer[1::2]))
                if (seen[b"num-other-sentinels"], seen[b"num-slaves"], seen[b"flags"]) != (b"2", b"1", b"master"):
                    return False
            return True

        until(all_are_known, SETUP_S)
        if args.subscribe:
            for port in self.sentinel_ports:
                threading.Thread(target=self.listen, args=(port,), daemon=True).start()

    def run(self, arguments):
        log = open(self.directory / "log", "ab")
        process = subprocess.Popen(
            [REDIS, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        self.processes.append(process)
        return process

    def listen(self, port):
        try:
            connection = Connection(port, None)
            connection("SUBSCRIBE", "+switch-master")
            while True:
                connection.read()
                self.moves += 1
        except BROKEN:
            pass

    def primary(self):
        """Where the Sentinels say that the primary is, as the writer reaches it."""
        for port in self.sentinel_ports:
            try:
                connection = Connection(port, 0.2)
                answer = connection("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")
                connection.close()
                if answer:
                    return self.own_address.get(int(answer[1]), int(answer[1]))
            except BROKEN:
                pass
        return None

    def vanish(self):
        self.link.drop = True
        self.primary_process.send_signal(signal.SIGSTOP)  # its sockets stay open and mute

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.link.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Writer(threading.Thread):
    """SET w:<i> at a steady rate, one at a time, on whichever primary Sentinel names."""

    def __init__(self, cluster, rate):
        super().__init__(daemon=True)
        self.cluster, self.rate = cluster, rate
        self.acked, self.errors, self.quit = [], {}, False

    def run(self):
        number, connection, port, seen, due = 0, None, None, 0, time.monotonic()
        while not self.quit:
            try:
                if connection and self.cluster.moves != seen:
                    seen = self.cluster.moves
                    connection.close()
                    connection = None
                if connection is None:
                    port = self.cluster.primary()
                    if not port:
                        raise OSError("no primary known")
                    connection = Connection(port)
                    if connection("ROLE")[0] != b"master":
                        raise Reply("not a primary yet")
                connection("SET", f"w:{number}", number)
                self.acked.append((time.monotonic(), number, port))
            except BROKEN as error:
                kind = str(error).split(" ")[0] or type(error).__name__
                self.errors[kind] = self.errors.get(kind, 0) + 1
                if connection:
                    connection.close()
                    connection = None
                time.sleep(0.005)
            number += 1
            due += 1 / self.rate
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            elif wait < -0.2:
                due = time.monotonic()


def present(port, numbers):
    connection, found = Connection(port, 5), set()
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        values = connection("MGET", *[f"w:{number}" for number in part])
        found.update(number for number, value in zip(part, values) if value is not None)
    return found


def one_run(args):
    cluster = Cluster(args)
    try:
        writer = Writer(cluster, args.rate)
        writer.start()
        time.sleep(WARM_S)
        fault = time.monotonic()
        if args.scenario == "kill":
            cluster.primary_process.send_signal(signal.SIGKILL)
        else:
            cluster.vanish()

        def writer_has_moved():
            return bool(writer.acked) and writer.acked[-1][2] == cluster.replica_port

        until(writer_has_moved, SETTLE_S)
        time.sleep(WARM_S)
        writer.quit = True
        writer.join(3)
        first = next(at for at, _, port in writer.acked if port == cluster.replica_port)
        numbers = [number for _, number, _ in writer.acked]
        found = present(cluster.replica_port, numbers)
        return {
            "rto_ms": (first - fault) * 1e3,
            "acked": len(numbers),
            "lost": sum(number not in found for number in numbers),
            "errors": writer.errors,
        }
    finally:
        cluster.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="kill", choices=["kill", "vanish"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1000, help="writes a second")
    parser.add_argument("--delay-ms", type=float, default=0, help="one way, between the primary and everybody else")
    parser.add_argument("--down-after-ms", type=int, default=1000, help="Sentinel's detection time")
    parser.add_argument("--subscribe", action="store_true", help="the writer also listens for +switch-master")
    parser.add_argument("--json", help="a file for the figures of every run")
    args = parser.parse_args()

    version = subprocess.run([REDIS, "--version"], capture_output=True, text=True, check=True).stdout
    server = version.split(" sha=")[0].strip()
    runs = []
    for number in range(args.runs):
        runs.append(one_run(args))
        print(f"# Sentinel, run {number + 1}: {json.dumps(runs[-1])}", file=sys.stderr, flush=True)
    for figure in ("rto_ms", "lost"):
        values = sorted(run[figure] for run in runs)
        middle = statistics.median(values)
        print(f"{figure}: median {middle:.0f}, smallest {values[0]:.0f}, largest {values[-1]:.0f}")
    if args.json:
        document = {"server": server, "setting": vars(args), "runs": runs}
        pathlib.Path(args.json).write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
