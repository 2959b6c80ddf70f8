"""Starts ministack as its own command does, with two waits of its Lambda workers shortened, one limit and one count put right.

A worker and its function talk over loopback in small messages: Nagle's algorithm together with delayed acknowledgements holds
every answer up for 40 ms, and after every invocation the worker listens another 50 ms for log lines. Neither wait changes an
answer.

DynamoDB allows a transaction 4 MB of items. ministack counts the request that carries them, in base64; here it may be as large as
any request to DynamoDB may be, 16 MB. A read consumes half a unit, or one when it is consistent, for each 4 KiB of what it reads;
ministack counts no more than the first.

INVOCATIONS names a file in which two numbers say how many invocations of functions began and how many ended, so that a test can
tell when nothing is in hand. SIGUSR1 ends every warm worker: the next invocation of a function is a cold start. Mail that is
handed to SES as it is to be sent is kept so in the directory MAILS, numbered from 1. Whatever functions write is added to the file
SAID, each line once: the log of ministack itself shows what some of its services call, and not what states and HTTP APIs do.
"""

import base64
import math
import os
import signal
import socketserver
import threading

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

from ministack.app import main  # noqa: E402
from ministack.core import lambda_runtime  # noqa: E402
from ministack.services import dynamodb, ses_v2, stepfunctions  # noqa: E402

_, step, most = lambda_runtime.Worker._drain_stderr_bounded.__defaults__
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.002, min(step, 0.002), most)

dynamodb._DDB_TXN_MAX_BYTES = 16 << 20


class Count:
    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.lock = threading.Lock()
        self.began = self.ended = 0
        self.add(0, 0)

    def add(self, began, ended):
        with self.lock:
            self.began += began
            self.ended += ended
            os.pwrite(self.file, b"%20d %20d\n" % (self.began, self.ended), 0)


count = Count(os.environ["INVOCATIONS"])
invoke = lambda_runtime.ProvidedWorker.invoke


def counted(*args, **named):
    count.add(1, 0)
    try:
        return invoke(*args, **named)
    finally:
        count.add(0, 1)


lambda_runtime.ProvidedWorker.invoke = counted
said = os.open(os.environ["SAID"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
pump_output = lambda_runtime.ProvidedWorker._pump_output


class Tee:
    def __init__(self, stream):
        self.stream = stream

    def readline(self):
        line = self.stream.readline()
        os.write(said, line)
        return line

    def close(self):
        self.stream.close()


lambda_runtime.ProvidedWorker._pump_output = lambda worker, stream, lines: pump_output(worker, Tee(stream), lines)
os.makedirs(os.environ["MAILS"], exist_ok=True)
parse_raw_mime = ses_v2._parse_raw_mime
mails = threading.Lock()


def kept(raw):
    with mails:
        name = os.path.join(os.environ["MAILS"], "%08d.eml" % (len(os.listdir(os.environ["MAILS"])) + 1))
        with open(name, "wb") as file:
            file.write(base64.b64decode(raw))
    return parse_raw_mime(raw)


ses_v2._parse_raw_mime = kept
signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=lambda_runtime.reset).start())

# States start children through the alias of a machine, as on AWS. ministack 1.5.33 resolves one for executions that nobody
# waits for only.
start_sync_execution = stepfunctions._start_sync_execution


def start_by_alias(data):
    machine = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    return start_sync_execution({**data, "stateMachineArn": machine} if machine else data)


stepfunctions._start_sync_execution = start_by_alias

_consumed = dynamodb._add_consumed_capacity


def consumed(result, data, table_name, write=False, **about):
    _consumed(result, data, table_name, write=write, **about)
    used = result.get("ConsumedCapacity")
    if write or used is None:
        return
    items = result.get("Items", [result.get("Item", {})])
    size = sum(dynamodb._item_size_bytes(item) for item in items)
    used["CapacityUnits"] *= max(1, math.ceil(size / 4096))


dynamodb._add_consumed_capacity = consumed

main()
