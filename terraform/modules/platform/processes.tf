# The processes: what each runs, with which variables, how large and how many.

locals {
  # What dagster.yaml in the image reads.
  dagster_environment = {
    DAGSTER_HOME        = "/opt/dagster"
    DAGSTER_PG_HOST     = module.database.host
    DAGSTER_PG_PORT     = "5432"
    DAGSTER_PG_DB       = module.database.name
    DAGSTER_PG_USERNAME = module.database.username
    COMPUTE_LOGS_BUCKET = module.compute_logs_bucket.name
    RUN_TASK_DEFINITION = local.run_family
    DAGSTER_CODE_HOST   = "${aws_service_discovery_service.code.name}.${aws_service_discovery_private_dns_namespace.this.name}"
    EXPORT_RUNS_AT_ONCE = tostring(var.runs_at_once)
    TMPDIR              = "/scratch"
    AWS_REGION          = var.region
    AWS_DEFAULT_REGION  = var.region
  }

  # Where the outside is (resources/wiring/environment.py).
  door_environment = {
    EXPORT_DEPLOYMENT   = var.deployment
    GIT_SHA             = var.git_sha
    MONGODB_DATABASE    = var.mongodb_database
    EXPORTS_BUCKET      = module.exports_bucket.name
    SCORING_BUCKET      = module.scoring_bucket.name
    VF_SCORING_BUCKET   = module.vf_scoring_bucket.name
    ATHENA_DATABASE     = "fan_events"
    ATHENA_STAGING      = "s3://${module.results_bucket.name}/results/"
    ATHENA_WORKGROUP    = module.lake.workgroup
    CODES_SERVICE_URL   = var.codes_service_url
    ENTRIES_SERVICE_URL = var.entries_service_url
    SFMC_AUTH_URL       = var.sfmc_auth_url
    SFMC_REST_URL       = var.sfmc_rest_url
    SFMC_CLIENT_ID      = var.sfmc_client_id
    SFMC_ACCOUNT_ID     = var.sfmc_account_id
  }

  bridge_environment = {
    AWS_REGION        = var.region
    TMPDIR            = "/scratch"
    EXPORT_DEPLOYMENT = var.deployment
    GIT_SHA           = var.git_sha
    MONGODB_DATABASE  = var.mongodb_database
    EXPORTS_BUCKET    = module.exports_bucket.name
    BRIDGE_ISSUER     = var.bridge_issuer
    BRIDGE_AUDIENCE   = var.bridge_audience
    BRIDGE_JWKS       = var.bridge_jwks_url
    # What callers are told of the queue.
    EXPORT_RUNS_AT_ONCE = tostring(var.runs_at_once)
    # The second is what the container's own health check says.
    BRIDGE_ALLOWED_HOSTS = "${var.bridge_host},127.0.0.1"
    # Where spans go; empty: nowhere (resources/tracing.py).
    OTEL_EXPORTER_OTLP_ENDPOINT = var.otlp_endpoint
    OTEL_SERVICE_NAME           = "export-bridge"
  }

  # Spans of a run, under the trace of the request that it works for.
  run_environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT = var.otlp_endpoint
    OTEL_SERVICE_NAME           = "export-run"
  }

  webhooks_environment = {
    TMPDIR            = "/scratch"
    WEBHOOKS_PROXY    = var.webhooks_proxy
    EXPORT_DEPLOYMENT = var.deployment
    GIT_SHA           = var.git_sha
    MONGODB_DATABASE  = var.mongodb_database
  }

  # The image has no curl; an answer that is no 2xx ends Python with 1.
  probe = "import urllib.request as r; r.urlopen"

  tasks = {
    bridge = {
      command        = ["python", "-m", "api_bridge", "--host", "0.0.0.0", "--port", "8080"]
      environment    = local.bridge_environment
      port           = 8080
      health_command = ["python", "-c", "${local.probe}('http://127.0.0.1:8080/healthz', timeout=5)"]
      # The bridge ends its requests within 20 s.
      stop_seconds = 30
    }

    # It listens to nobody; that it lives is seen by the age of its last look (exports_sensor_age_seconds).
    webhooks = {
      command        = ["python", "-m", "api_bridge.webhooks"]
      environment    = local.webhooks_environment
      port           = null
      health_command = null
      # What is being sent ends within 15 s.
      stop_seconds = 30
    }

    code = {
      command = [
        "dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4266", "--module-name", "export_platform.definitions",
        # Sensors that wait for work hold a thread each.
        "--location-name", "exports", "--max-workers", "24",
      ]
      environment    = merge(local.dagster_environment, local.door_environment)
      port           = 4266
      health_command = ["dagster", "api", "grpc-health-check", "--port", "4266"]
      stop_seconds   = 30
    }

    daemon = {
      command        = ["dagster-daemon", "run", "--workspace", "/opt/dagster/workspace.yaml"]
      environment    = local.dagster_environment
      port           = null
      health_command = ["dagster-daemon", "liveness-check"]
      stop_seconds   = 30
    }

    # On loopback: reached through a session (docs/runbook.md), by nobody else.
    webserver = {
      command = [
        "dagster-webserver", "--host", "127.0.0.1", "--port", "3000", "--workspace", "/opt/dagster/workspace.yaml",
      ]
      environment    = local.dagster_environment
      port           = null
      health_command = ["python", "-c", "${local.probe}('http://127.0.0.1:3000/server_info', timeout=5)"]
      stop_seconds   = 30
    }

    # The daemon sets the command of a run. Fargate allows 120 s at most: an export with less than 25 s of work left is
    # finished, others are given back.
    worker = {
      command        = ["true"]
      environment    = merge(local.dagster_environment, local.door_environment, local.run_environment)
      port           = null
      health_command = null
      stop_seconds   = 120
    }
  }

  # What runs for ever, and where.
  services = {
    bridge    = { one_of_a_kind = false, count = var.bridge_count, groups = ["bridge"] }
    webhooks  = { one_of_a_kind = false, count = 1, groups = ["webhooks"] }
    code      = { one_of_a_kind = false, count = 1, groups = ["code"] }
    daemon    = { one_of_a_kind = true, count = 1, groups = ["dagster"] }
    webserver = { one_of_a_kind = false, count = 1, groups = ["webserver"] }
  }
}

module "task" {
  source   = "../task"
  for_each = local.tasks

  family             = each.key == "worker" ? local.run_family : "${var.name}-${each.key}"
  container          = each.key == "worker" ? "run" : each.key
  image              = var.image
  command            = each.value.command
  environment        = each.value.environment
  secrets            = local.secrets[each.key]
  cpu                = var.sizes[each.key].cpu
  memory             = var.sizes[each.key].memory
  scratch_gib        = var.sizes[each.key].scratch_gib
  port               = each.value.port
  health_command     = each.value.health_command
  stop_seconds       = each.value.stop_seconds
  log_group          = aws_cloudwatch_log_group.this[each.key].name
  region             = var.region
  task_role_arn      = module.identity.task_role_arns[each.key]
  execution_role_arn = module.identity.execution_role_arns[each.key]
}

module "service" {
  source   = "../service"
  for_each = local.services

  name                = each.key
  cluster_arn         = local.cluster_arn
  task_definition_arn = module.task[each.key].arn
  container           = module.task[each.key].container
  desired_count       = each.value.count
  one_of_a_kind       = each.value.one_of_a_kind
  reached_by_sessions = each.key == "webserver"
  subnet_ids          = var.private_subnet_ids
  security_group_ids  = [for group in each.value.groups : aws_security_group.this[group].id]
  port                = each.key == "bridge" ? 8080 : null
  target_group_arn    = each.key == "bridge" ? module.entrance.target_group_arn : null
  registry_arn        = each.key == "code" ? aws_service_discovery_service.code.arn : null
}
