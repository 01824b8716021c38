# The values of tm-prod. Those of zeros, and the example names, are replaced once the account is there.

account_id = "000000000002"
name       = "tm-prod"
deployment = "prod"
region     = "eu-west-1"

# Network, which others own.
vpc_id                   = "vpc-00000000000000000"
private_subnet_ids       = ["subnet-0000000000000000a", "subnet-0000000000000000b"]
load_balancer_subnet_ids = ["subnet-0000000000000000c", "subnet-0000000000000000d"]
load_balancer_internal   = true
caller_cidrs             = ["10.30.0.0/16", "10.40.0.0/16"]
mongodb_cidrs            = ["10.30.8.0/24"]
certificate_arn          = "arn:aws:acm:eu-west-1:000000000002:certificate/00000000-0000-0000-0000-000000000000"
bridge_host              = "exports.prod.example.com"

# What is read and where it goes.
bucket_prefix        = "tm-prod-fanreg"
mongodb_database     = "fanreg"
lake_bucket          = "tm-prod-event-lake"
lake_key_arn         = "arn:aws:kms:eu-west-1:000000000002:key/00000000-0000-0000-0000-000000000000"
codes_service_url    = "https://codes.prod.example.com"
entries_service_url  = "https://entries.prod.example.com"
sfmc_auth_url        = "https://prod.auth.marketingcloudapis.example.com"
sfmc_rest_url        = "https://prod.rest.marketingcloudapis.example.com"
sfmc_client_id       = "0000000000000000"
sfmc_account_id      = "0000000"
otlp_endpoint        = "https://otlp.prod.example.com"
webhooks_proxy       = ""
webhooks_proxy_cidrs = []
bridge_issuer        = "https://login.prod.example.com/"
bridge_audience      = "export-bridge"
bridge_jwks_url      = "https://login.prod.example.com/.well-known/jwks.json"

# What runs: set by the pipeline that made the image.
repository_arn = "arn:aws:ecr:eu-west-1:000000000002:repository/export-platform"
image          = "000000000002.dkr.ecr.eu-west-1.amazonaws.com/export-platform@sha256:0000000000000000000000000000000000000000000000000000000000000000"
git_sha        = "0000000000000000000000000000000000000000"

# How much of it.
bridge_count        = 3
runs_at_once        = 16
athena_bytes_cutoff = 1099511627776

sizes = {
  bridge    = { cpu = 1024, memory = 2048, scratch_gib = 21 }
  code      = { cpu = 1024, memory = 4096, scratch_gib = 21 }
  daemon    = { cpu = 1024, memory = 2048, scratch_gib = 21 }
  webhooks  = { cpu = 256, memory = 512, scratch_gib = 21 }
  webserver = { cpu = 512, memory = 2048, scratch_gib = 21 }
  worker    = { cpu = 4096, memory = 16384, scratch_gib = 100 }
}

database_class            = "db.m7g.large"
database_gib              = 100
database_multi_az         = true
database_backup_days      = 30
database_password_version = 1

# When somebody should look.
database_connections = 600
bridge_errors        = 5
log_retention_days   = 90
