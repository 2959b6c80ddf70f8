"""Starts ministack as its own command does, with two waits of its Lambda workers shortened.

A worker and its function talk over loopback in small messages: Nagle's algorithm together with delayed acknowledgements holds
every answer up for 40 ms, and after every invocation the worker listens another 50 ms for log lines. Neither wait changes an
answer.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

from ministack.core import lambda_runtime  # noqa: E402
from ministack.app import main  # noqa: E402

_, step, most = lambda_runtime.Worker._drain_stderr_bounded.__defaults__
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.002, min(step, 0.002), most)

main()
