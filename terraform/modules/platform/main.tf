# The platform in one account: what an environment calls, once. It puts the modules together; what differs between
# environments is a variable.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  run_family = "${var.name}-run"
  # Every kind of process. `worker` is a task that the daemon starts, the others are services.
  kinds = toset(["bridge", "code", "daemon", "webhooks", "webserver", "worker"])

  cluster_arn = aws_ecs_cluster.this.arn
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.kinds

  name              = "/${var.name}/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.logs.arn
}

resource "aws_kms_key" "logs" {
  description             = "Logs of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.logs_key.json
}

# In the policy of a key "*" is the key itself.
data "aws_iam_policy_document" "logs_key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "OurLogGroups"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${data.aws_caller_identity.current.account_id}:log-group:/${var.name}/*"]
    }
  }
}

module "identity" {
  source = "../identity"

  name                  = var.name
  cluster_name          = var.name
  cluster_arn           = local.cluster_arn
  run_family            = local.run_family
  run_log_group_arn     = aws_cloudwatch_log_group.this["worker"].arn
  log_group_arns        = { for kind, group in aws_cloudwatch_log_group.this : kind => group.arn }
  repository_arn        = var.repository_arn
  exports_bucket_arn    = module.exports_bucket.arn
  exports_key_arn       = module.exports_bucket.key_arn
  scoring_bucket_arn    = module.scoring_bucket.arn
  scoring_key_arn       = module.scoring_bucket.key_arn
  vf_scoring_bucket_arn = module.vf_scoring_bucket.arn
  vf_scoring_key_arn    = module.vf_scoring_bucket.key_arn
  results_bucket_arn    = module.results_bucket.arn
  results_key_arn       = module.results_bucket.key_arn
  logs_bucket_arn       = module.compute_logs_bucket.arn
  logs_key_arn          = module.compute_logs_bucket.key_arn
  lake_bucket_arn       = "arn:${data.aws_partition.current.partition}:s3:::${var.lake_bucket}"
  lake_key_arn          = var.lake_key_arn
  workgroup_arn         = module.lake.workgroup_arn
  databases             = module.lake.databases
  secrets_key_arn       = aws_kms_key.secrets.arn
  secret_arns           = { for kind, secrets in local.secrets : kind => distinct(values(secrets)) }
}

module "database" {
  source = "../database"

  name              = var.name
  subnet_ids        = var.private_subnet_ids
  security_group_id = aws_security_group.this["database"].id
  instance_class    = var.database_class
  storage_gib       = var.database_gib
  multi_az          = var.database_multi_az
  backup_days       = var.database_backup_days
  password_version  = var.database_password_version
  secrets_key_arn   = aws_kms_key.secrets.arn
}

module "entrance" {
  source = "../entrance"

  name              = var.name
  vpc_id            = var.vpc_id
  subnet_ids        = var.load_balancer_subnet_ids
  security_group_id = aws_security_group.this["entrance"].id
  internal          = var.load_balancer_internal
  certificate_arn   = var.certificate_arn
  access_log_bucket = module.access_logs.name
}

module "alarms" {
  source = "../alarms"

  name                 = var.name
  load_balancer        = module.entrance.load_balancer
  target_group         = module.entrance.target_group
  database             = module.database.identifier
  database_connections = var.database_connections
  workgroup            = module.lake.workgroup
  cluster_name         = aws_ecs_cluster.this.name
  cluster_arn          = local.cluster_arn
  run_family           = local.run_family
  bridge_errors        = var.bridge_errors
  services             = { for kind, service in module.service : kind => service.name }
}
