# The daemon starts, watches and stops run tasks, of one family in one cluster, with two roles and no other.

data "aws_iam_policy_document" "daemon" {
  statement {
    sid       = "StartRuns"
    actions   = ["ecs:RunTask"]
    resources = [local.run_task]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [var.cluster_arn]
    }
  }

  statement {
    sid       = "WatchAndStopRuns"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = [local.tasks]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [var.cluster_arn]
    }
  }

  # The launcher tags a task with the id of its run.
  statement {
    sid       = "TagRuns"
    actions   = ["ecs:TagResource"]
    resources = [local.tasks]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }

  # Neither can be limited to a resource: AWS knows none for them.
  statement {
    sid       = "ReadOwnPlace"
    actions   = ["ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"]
    resources = ["*"]
  }

  statement {
    sid       = "HandOverRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task["worker"].arn, aws_iam_role.execution["worker"].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  # The end of the log of a run that died is shown beside the run.
  statement {
    sid       = "ReadLogsOfRuns"
    actions   = ["logs:GetLogEvents"]
    resources = ["${var.run_log_group_arn}:log-stream:*"]
  }

  # A backfill logs, too, and reads on where it stopped.
  statement {
    sid       = "ComputeLogs"
    actions   = ["s3:PutObject", "s3:GetObject"]
    resources = ["${var.logs_bucket_arn}/dagster/*"]
  }

  statement {
    sid       = "EncryptComputeLogs"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [var.logs_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}
