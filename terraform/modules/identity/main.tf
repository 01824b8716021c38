# Who may do what. A role for each kind of process, in a file of its own; what is not said there is refused. The calls
# behind each permission are the ones the code makes: a test reads them from the code and compares.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # The kinds of process.
  kinds = toset(["bridge", "code", "daemon", "webhooks", "webserver", "worker"])

  # What each may do. The sender of webhooks is not here: it calls addresses that callers choose, and nothing of AWS.
  policies = {
    bridge    = data.aws_iam_policy_document.bridge.json
    code      = data.aws_iam_policy_document.code.json
    daemon    = data.aws_iam_policy_document.daemon.json
    webserver = data.aws_iam_policy_document.webserver.json
    worker    = data.aws_iam_policy_document.worker.json
  }

  account  = data.aws_caller_identity.current.account_id
  catalog  = "arn:${data.aws_partition.current.partition}:glue:${data.aws_region.current.region}:${local.account}"
  tasks    = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.region}:${local.account}:task/${var.cluster_name}/*"
  run_task = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.region}:${local.account}:task-definition/${var.run_family}:*"
}

resource "aws_iam_role" "task" {
  for_each = local.kinds

  name               = "${var.name}-${each.value}"
  description        = "What the ${each.value} of ${var.name} may do."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "task" {
  for_each = local.policies

  name   = each.key
  role   = aws_iam_role.task[each.key].id
  policy = each.value
}

# Only ECS, only for this account: without the second part another account's ECS could be made to use the role.
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "EcsTasksOfThisAccount"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}
