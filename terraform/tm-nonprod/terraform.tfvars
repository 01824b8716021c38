# The values of tm-nonprod. Those of zeros, and the example names, are replaced once the account is there.

account_id = "000000000001"
name       = "tm-nonprod"
deployment = "nonprod"
region     = "eu-west-1"

# Network, which others own.
vpc_id                   = "vpc-00000000000000000"
private_subnet_ids       = ["subnet-0000000000000000a", "subnet-0000000000000000b"]
load_balancer_subnet_ids = ["subnet-0000000000000000c", "subnet-0000000000000000d"]
load_balancer_internal   = true
caller_cidrs             = ["10.20.0.0/16"]
mongodb_cidrs            = ["10.20.8.0/24"]
certificate_arn          = "arn:aws:acm:eu-west-1:000000000001:certificate/00000000-0000-0000-0000-000000000000"
bridge_host              = "exports.nonprod.example.com"

# What is read and where it goes.
bucket_prefix        = "tm-nonprod-fanreg"
mongodb_database     = "fanreg"
lake_bucket          = "tm-nonprod-event-lake"
lake_key_arn         = "arn:aws:kms:eu-west-1:000000000001:key/00000000-0000-0000-0000-000000000000"
codes_service_url    = "https://codes.nonprod.example.com"
entries_service_url  = "https://entries.nonprod.example.com"
sfmc_auth_url        = "https://nonprod.auth.marketingcloudapis.example.com"
sfmc_rest_url        = "https://nonprod.rest.marketingcloudapis.example.com"
sfmc_client_id       = "0000000000000000"
sfmc_account_id      = "0000000"
otlp_endpoint        = "https://otlp.nonprod.example.com"
webhooks_proxy       = ""
webhooks_proxy_cidrs = []
bridge_issuer        = "https://login.nonprod.example.com/"
bridge_audience      = "export-bridge"
bridge_jwks_url      = "https://login.nonprod.example.com/.well-known/jwks.json"

# What runs: set by the pipeline that made the image.
repository_arn = "arn:aws:ecr:eu-west-1:000000000001:repository/export-platform"
image          = "000000000001.dkr.ecr.eu-west-1.amazonaws.com/export-platform@sha256:0000000000000000000000000000000000000000000000000000000000000000"
git_sha        = "0000000000000000000000000000000000000000"

# How much of it.
bridge_count        = 2
runs_at_once        = 4
athena_bytes_cutoff = 107374182400

sizes = {
  bridge    = { cpu = 1024, memory = 2048, scratch_gib = 21 }
  code      = { cpu = 1024, memory = 4096, scratch_gib = 21 }
  daemon    = { cpu = 1024, memory = 2048, scratch_gib = 21 }
  webhooks  = { cpu = 256, memory = 512, scratch_gib = 21 }
  webserver = { cpu = 512, memory = 2048, scratch_gib = 21 }
  worker    = { cpu = 2048, memory = 8192, scratch_gib = 50 }
}

database_class            = "db.t4g.medium"
database_gib              = 20
database_multi_az         = false
database_backup_days      = 7
database_password_version = 1

# When somebody should look.
database_connections = 200
bridge_errors        = 5
log_retention_days   = 30
