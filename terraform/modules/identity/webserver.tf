# The webserver shows, and ends runs that a person ends. It starts none: the daemon does that from the queue.

data "aws_iam_policy_document" "webserver" {
  statement {
    sid       = "StopRuns"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = [local.tasks]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [var.cluster_arn]
    }
  }

  # The first cannot be limited to a resource. The others are the tunnel through which alone the page is reached: it
  # listens on loopback, and who may open a session is decided by IAM and written down by CloudTrail.
  statement {
    sid = "ReadDefinitionsAndAnswerSessions"
    actions = [
      "ecs:DescribeTaskDefinition",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "ReadComputeLogs"
    actions   = ["s3:GetObject"]
    resources = ["${var.logs_bucket_arn}/dagster/*"]
  }

  # Without it S3 answers 403 for a log that is not there yet, and the page shows an error.
  statement {
    sid       = "FindComputeLogs"
    actions   = ["s3:ListBucket"]
    resources = [var.logs_bucket_arn]
  }

  statement {
    sid       = "DecryptComputeLogs"
    actions   = ["kms:Decrypt"]
    resources = [var.logs_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}
