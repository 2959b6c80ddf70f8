"""Starts moto's interpreter of state machines as a server.

MOTO_PORT is the port. LAMBDA_ENDPOINT is where Lambda tasks are invoked, because moto itself would need Docker to run one.
WAIT_SCALE is what waits and delays of retries last of what they should.
"""

import os
import time

from moto.core.config import default_user_config

default_user_config["stepfunctions"] = {"execute_state_machine": True}
default_user_config["lambda"] = {"use_docker": False}

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from moto.server import main  # noqa: E402
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl  # noqa: E402
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import StateTaskServiceSfn  # noqa: E402
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction  # noqa: E402
from moto.stepfunctions.parser.asl.utils import boto_client  # noqa: E402

_moto_client = boto_client.boto_client_for


def client_for(region, service, state_credentials=None):
    """Lambda is elsewhere; everything else is moto."""
    if service != "lambda":
        return _moto_client(region=region, service=service, state_credentials=state_credentials)
    once = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=900)
    return boto3.client(
        "lambda",
        region_name=region,
        endpoint_url=os.environ["LAMBDA_ENDPOINT"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=once,
    )


boto_client.boto_client_for = client_for

# These read the function above when they are imported.
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str  # noqa: E402
from moto.stepfunctions.parser.backend.execution import Execution  # noqa: E402

# The API writes stateMachineArn and a state StateMachineArn. moto 5.2.5 translates neither way, so nested executions fail.
_normalise_parameters = StateTaskServiceSfn._normalise_parameters


def recase(fields, change):
    for name in list(fields):
        fields[change(name[0]) + name[1:]] = fields.pop(name)


def normalise_parameters(self, parameters, boto_service_name=None, service_action_name=None):
    _normalise_parameters(self, parameters, boto_service_name, service_action_name)
    recase(parameters, str.lower)


def normalise_response(self, response, boto_service_name=None, service_action_name=None):
    recase(response, str.upper)


StateTaskServiceSfn._normalise_parameters = normalise_parameters
StateTaskServiceSfn._normalise_response = normalise_response

# The output of an execution is JSON text. moto 5.2.5 hands strings out as they are and fails on times and null.
def output(self):
    return to_json_str(self.__dict__.get("_output"), separators=(",", ":"))


def set_output(self, value):
    self._output = value


Execution.output = property(output, set_output)


# Days pass in a test.
WAIT_SCALE = float(os.environ["WAIT_SCALE"])


def wait_interval(self, env, wait_seconds):
    # The event wakes for reasons of others too.
    end = time.monotonic() + wait_seconds * WAIT_SCALE
    while env.is_running() and time.monotonic() < end:
        env.program_state_event.wait(min(0.05, max(0, end - time.monotonic())))


class ScaledTime:
    @staticmethod
    def sleep(seconds):
        time.sleep(seconds * WAIT_SCALE)


WaitFunction._wait_interval = wait_interval
retrier_decl.time = ScaledTime

main(["-H", "127.0.0.1", "-p", os.environ["MOTO_PORT"]])
