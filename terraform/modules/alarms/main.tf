# What wakes somebody. Each alarm names its place in docs/runbook.md; a test says when one has none. What the platform
# counts itself (age of the queue, failures, leases) is alarmed by the rules in terraform/monitoring.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.alarms.arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic.json
}

# Not AWS's own key for SNS: with it neither CloudWatch nor EventBridge can write to the topic.
resource "aws_kms_key" "alarms" {
  description             = "Alarms of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsAndEventsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

# In the policy of a key "*" is the key itself.
data "aws_iam_policy_document" "key" {
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
    sid       = "WritersOfTheTopic"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

locals {
  # name = what is looked at, and when it is too much. `missing` says what no data means.
  alarms = {
    bridge-errors = {
      says       = "The bridge answers 5xx"
      namespace  = "AWS/ApplicationELB"
      metric     = "HTTPCode_Target_5XX_Count"
      statistic  = "Sum"
      comparison = "GreaterThanThreshold"
      threshold  = var.bridge_errors
      minutes    = 5
      missing    = "notBreaching"
      dimensions = { LoadBalancer = var.load_balancer, TargetGroup = var.target_group }
    }

    bridge-slow = {
      says       = "The slowest hundredth of requests takes too long"
      namespace  = "AWS/ApplicationELB"
      metric     = "TargetResponseTime"
      statistic  = "p99"
      comparison = "GreaterThanThreshold"
      threshold  = 1
      minutes    = 10
      missing    = "notBreaching"
      dimensions = { LoadBalancer = var.load_balancer, TargetGroup = var.target_group }
    }

    bridge-missing = {
      says       = "A bridge does not answer"
      namespace  = "AWS/ApplicationELB"
      metric     = "UnHealthyHostCount"
      statistic  = "Maximum"
      comparison = "GreaterThanThreshold"
      threshold  = 0
      minutes    = 5
      missing    = "breaching"
      dimensions = { LoadBalancer = var.load_balancer, TargetGroup = var.target_group }
    }

    storage-full = {
      says       = "Dagster's storage has little space left"
      namespace  = "AWS/RDS"
      metric     = "FreeStorageSpace"
      statistic  = "Minimum"
      comparison = "LessThanThreshold"
      threshold  = 5 * 1024 * 1024 * 1024
      minutes    = 15
      missing    = "breaching"
      dimensions = { DBInstanceIdentifier = var.database }
    }

    storage-busy = {
      says       = "Dagster's storage has no processor left"
      namespace  = "AWS/RDS"
      metric     = "CPUUtilization"
      statistic  = "Average"
      comparison = "GreaterThanThreshold"
      threshold  = 85
      minutes    = 15
      missing    = "breaching"
      dimensions = { DBInstanceIdentifier = var.database }
    }

    storage-connections = {
      says       = "Dagster's storage is near its limit of connections"
      namespace  = "AWS/RDS"
      metric     = "DatabaseConnections"
      statistic  = "Maximum"
      comparison = "GreaterThanThreshold"
      threshold  = var.database_connections
      minutes    = 5
      missing    = "breaching"
      dimensions = { DBInstanceIdentifier = var.database }
    }

    queries-failing = {
      says       = "Queries of exports fail"
      namespace  = "AWS/Athena"
      metric     = "TotalExecutionTime"
      statistic  = "SampleCount"
      comparison = "GreaterThanThreshold"
      threshold  = 5
      minutes    = 15
      missing    = "notBreaching"
      dimensions = { WorkGroup = var.workgroup, QueryState = "FAILED", QueryType = "DML" }
    }
  }

  # A kind of process that does not run at all: one alarm a service, one place for all of them.
  of_processes = {
    for name, service in var.services : "process-missing-${name}" => {
      says       = "No ${name} runs"
      namespace  = "ECS/ContainerInsights"
      metric     = "RunningTaskCount"
      statistic  = "Minimum"
      comparison = "LessThanThreshold"
      threshold  = 1
      minutes    = 5
      missing    = "breaching"
      dimensions = { ClusterName = var.cluster_name, ServiceName = service }
      place      = "process-missing"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.alarms, local.of_processes)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.says}. docs/runbook.md#${try(each.value.place, each.key)}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# A run that needed more memory than its task has ends without a word of its own. docs/runbook.md#run-out-of-memory
resource "aws_cloudwatch_event_rule" "run_out_of_memory" {
  name        = "${var.name}-run-out-of-memory"
  description = "A run needed more memory than its task has. docs/runbook.md#run-out-of-memory"

  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      clusterArn = [var.cluster_arn]
      lastStatus = ["STOPPED"]
      group      = ["family:${var.run_family}"]
      containers = { reason = [{ prefix = "OutOfMemoryError" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "run_out_of_memory" {
  rule = aws_cloudwatch_event_rule.run_out_of_memory.name
  arn  = aws_sns_topic.alarms.arn
}
