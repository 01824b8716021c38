# What ECS itself needs to start a task: the image, the log, and the secrets of that task and of no other.

resource "aws_iam_role" "execution" {
  for_each = local.kinds

  name               = "${var.name}-${each.value}-execution"
  description        = "Starts the ${each.value} of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.kinds

  name   = "start"
  role   = aws_iam_role.execution[each.value].id
  policy = data.aws_iam_policy_document.execution[each.value].json
}

data "aws_iam_policy_document" "execution" {
  for_each = local.kinds

  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
    resources = [var.repository_arn]
  }

  # AWS knows no resource for it: the token opens nothing by itself.
  statement {
    sid       = "SignInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_group_arns[each.value]}:*"]
  }

  statement {
    sid       = "ReadOwnSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = var.secret_arns[each.value]
  }

  statement {
    sid       = "DecryptSecrets"
    actions   = ["kms:Decrypt"]
    resources = [var.secrets_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}
