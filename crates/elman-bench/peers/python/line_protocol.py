"""The peer's side of elman-bench's line protocol (peers/protocol describes it).

`serve(start)` pins the process, calls `start(threads)` for the peer and answers requests. A peer has
`name`, `version`, `case(case, question)` and `epoch(epoch)`; each returns a workload or raises
`Unsupported`. A workload has `answer()` (a dict of arrays) and `run(iterations)`; an epoch has `run()`,
which returns the loss of its last batch.
"""

import argparse
import gzip
import json
import os
import sys
import time


class Unsupported(Exception):
    """The library has no such thing."""


def pin_to_first_cores(threads):
    """Keeps this process on the first `threads` cores that it may use."""
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < threads:
        raise SystemExit(f"{threads} threads need as many cores, but this process may use {len(allowed)} only")
    os.sched_setaffinity(0, allowed[:threads])


def serve(start):
    parser = argparse.ArgumentParser(description="a peer of elman-bench, which starts it")
    parser.add_argument("--threads", type=int, required=True)
    threads = parser.parse_args().threads
    # Threads inherit this, so it stands before any library that starts some.
    pin_to_first_cores(threads)
    # Libraries may print: what they print goes to standard error, the protocol keeps its own handle.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(**reply):
        out.write(json.dumps(reply) + "\n")
        out.flush()

    try:
        peer = start(threads)
    except ImportError as error:
        say(**{"is": "failed", "reason": str(error)})
        return
    say(**{"is": "hello", "name": peer.name, "version": peer.version})
    session = Session(peer)
    for line in sys.stdin:
        try:
            say(**session.answer(json.loads(line)))
        except Unsupported as error:
            say(**{"is": "unsupported", "reason": str(error)})
        except Exception as error:  # Whatever a library raises is the bench's to report.
            say(**{"is": "failed", "reason": f"{type(error).__name__}: {error}"})


class Session:
    """What was prepared last, and the requests that lead there."""

    def __init__(self, peer):
        self.peer = peer
        self.workload = None
        self.is_epoch = False

    def answer(self, request):
        what = request["do"]
        if what == "run":
            return self.run(request["iterations"])
        self.workload = None
        self.is_epoch = what in ("epoch", "text", "series")
        if self.is_epoch:
            self.workload = getattr(self.peer, what)(request)
        else:
            self.workload = self.case(request)
        return {"is": "prepared"}

    def case(self, case):
        import numpy
        from safetensors.numpy import load_file, save_file

        workload = self.peer.case(case, load_file(case["question"]))
        answer = {name: numpy.ascontiguousarray(value) for name, value in workload.answer().items()}
        save_file(answer, case["answer"])
        return workload

    def run(self, iterations):
        if self.workload is None:
            raise RuntimeError("nothing was prepared that could be run")
        reply = {"is": "round"}
        if not self.is_epoch:
            self.workload.run(1)
        wall, processor = time.perf_counter(), time.process_time()
        if self.is_epoch:
            for _ in range(iterations):
                reply["loss"] = float(self.workload.run())
        else:
            self.workload.run(iterations)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        return reply | {"milliseconds": wall * 1e3 / iterations, "cpu_per_wall": processor / wall}


def permute_gates(packed, order):
    """The equal blocks of the last axis of a packed array in another order."""
    import numpy

    blocks = numpy.split(packed, len(order), axis=-1)
    return numpy.concatenate([blocks[index] for index in order], axis=-1)


def read_mnist(epoch):
    """Images `[N, 28, 28]` in 0 to 1 and labels `[N]`, repeated up to `epoch["images"]`."""
    import numpy

    def read(name, header):
        path = os.path.join(epoch["data"], name)
        opened = open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz")
        with opened as file:
            return numpy.frombuffer(file.read(), numpy.uint8, offset=header)

    images = read("train-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    labels = read("train-labels-idx1-ubyte", 8)
    chosen = numpy.arange(epoch["images"]) % len(images)
    return images[chosen].astype(numpy.float32) / 255, labels[chosen].astype(numpy.int64)
