"""Teaches ministack's CloudFormation types of resources that it has services but no provisioners for, so that the template that is
deployed is the one that AWS gets: versions and aliases of state machines, archives of events, and budgets. Identities of mail get
the records that prove them.

It is read before ministack.py, which starts the server.
"""

import json

from ministack.services import budgets, eventbridge, stepfunctions
from ministack.services.cloudformation import provisioners


def answer(response):
    status, _, body = response
    if status >= 400:
        raise ValueError(body.decode() if isinstance(body, bytes) else body)
    return json.loads(body or "{}")


def publish_version(logical_id, props, stack_name):
    # The revision of the template is not passed on: it names what an update of the machine in the same deployment made, and what is
    # published is the machine as it is now, which is the same.
    arn = answer(stepfunctions._publish_state_machine_version({"stateMachineArn": props["StateMachineArn"]}))["stateMachineVersionArn"]
    return arn, {"Arn": arn}


def delete_version(physical_id, props):
    if physical_id in stepfunctions._state_machine_versions:
        answer(stepfunctions._delete_state_machine_version({"stateMachineVersionArn": physical_id}))


def routing(props):
    return [{"stateMachineVersionArn": r["StateMachineVersionArn"], "weight": int(r["Weight"])} for r in props["RoutingConfiguration"]]


def create_alias(logical_id, props, stack_name):
    made = answer(stepfunctions._create_state_machine_alias({"name": props["Name"], "routingConfiguration": routing(props)}))
    return made["stateMachineAliasArn"], {"Arn": made["stateMachineAliasArn"]}


def update_alias(physical_id, old_props, new_props, stack_name):
    answer(stepfunctions._update_state_machine_alias({"stateMachineAliasArn": physical_id, "routingConfiguration": routing(new_props)}))
    return physical_id, {"Arn": physical_id}


def delete_alias(physical_id, props):
    answer(stepfunctions._delete_state_machine_alias({"stateMachineAliasArn": physical_id}))


def create_archive(logical_id, props, stack_name):
    made = answer(eventbridge._create_archive({k: v for k, v in props.items() if k in ("ArchiveName", "Description", "EventPattern", "RetentionDays")}
                                              | {"EventSourceArn": props["SourceArn"]}))
    return props["ArchiveName"], {"Arn": made["ArchiveArn"], "ArchiveName": props["ArchiveName"]}


def delete_archive(physical_id, props):
    answer(eventbridge._delete_archive({"ArchiveName": physical_id}))


def create_budget(logical_id, props, stack_name):
    budget = dict(props["Budget"])
    budget["BudgetLimit"] = {k: str(v) for k, v in budget["BudgetLimit"].items()}
    answer(budgets._create_budget({"AccountId": provisioners.get_account_id(), "Budget": budget}))
    return budget["BudgetName"], {}


def delete_budget(physical_id, props):
    answer(budgets._delete_budget({"AccountId": provisioners.get_account_id(), "BudgetName": physical_id}))


identity = provisioners._RESOURCE_HANDLERS["AWS::SES::EmailIdentity"]
create_identity, update_identity = identity["create"], identity["update"]


def with_tokens(made):
    name, attributes = made
    for n in "123":
        attributes["DkimDNSTokenName" + n] = "token%s._domainkey.%s" % (n, name)
        attributes["DkimDNSTokenValue" + n] = "token%s.dkim.amazonses.com" % n
    return name, attributes


identity["create"] = lambda *args: with_tokens(create_identity(*args))
identity["update"] = lambda *args: with_tokens(update_identity(*args))
alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
create_alarm, update_alarm = alarm["create"], alarm["update"]


def first_metric(props):
    """Alarms over sums of metrics are refused; they are kept as alarms over the first, and nothing watches either."""
    if "Metrics" not in props:
        return props
    stat = props["Metrics"][0]["MetricStat"]
    return {k: v for k, v in props.items() if k != "Metrics"} | stat["Metric"] | {"Statistic": stat["Stat"], "Period": stat["Period"]}


alarm["create"] = lambda logical_id, props, *rest: create_alarm(logical_id, first_metric(props), *rest)
alarm["update"] = lambda physical_id, old, new, *rest: update_alarm(physical_id, first_metric(old), first_metric(new), *rest)

provisioners._RESOURCE_HANDLERS.update({
    "AWS::StepFunctions::StateMachineVersion": {"create": publish_version, "delete": delete_version},
    "AWS::StepFunctions::StateMachineAlias": {"create": create_alias, "update": update_alias, "delete": delete_alias},
    "AWS::Events::Archive": {"create": create_archive, "delete": delete_archive},
    "AWS::Budgets::Budget": {"create": create_budget, "delete": delete_budget},
})
