# The buckets, the lake, and what is kept in them for how long.

module "access_logs" {
  source = "../access_logs"

  name           = "${var.bucket_prefix}-access-logs"
  retention_days = 90
}

locals {
  # Days that the files of an export live, as each kind declares it (a test compares with the catalogue). Housekeeping
  # deletes them on the day; a week later the bucket does, whatever became of housekeeping.
  retention_days = {
    ad-audience            = 30
    boost-leaderboard      = 30
    campaign-summary       = 90
    code-redemptions       = 90
    code-sms               = 7
    codes                  = 7
    duplicate-clusters     = 30
    email-engagement       = 90
    entries                = 30
    geo-demand             = 90
    market-demand          = 90
    non-purchasers         = 30
    promoter-email-opt-ins = 30
    registration-timeline  = 90
    reminder-email         = 30
    scores                 = 30
    scoring-input          = 30
    selected-fans          = 30
    subject-access         = 7
    suppression            = 30
    survey-answers         = 7
    waitlist               = 30
  }

  backstop_days = 7
}

module "exports_bucket" {
  source = "../bucket"

  name              = "${var.bucket_prefix}-exports"
  access_log_bucket = module.access_logs.name

  # 15 minutes: longer than any link lives (BRIDGE_LINK_SECONDS is at most 600).
  max_signature_seconds = 900
  write_once_prefixes   = ["exports/", "promoters/"]

  expirations = merge(
    { for kind, days in local.retention_days : "exports/${kind}/" => days + local.backstop_days },
    # Fetched by the promoter; what the file was made from is gone after the same time.
    { "promoters/" = 30 + local.backstop_days },
  )
}

module "scoring_bucket" {
  source = "../bucket"

  name                = "${var.bucket_prefix}-scoring"
  access_log_bucket   = module.access_logs.name
  write_once_prefixes = ["input/"]
  expirations         = { "input/" = 30, "output/" = 365 }
}

module "vf_scoring_bucket" {
  source = "../bucket"

  name              = "${var.bucket_prefix}-vf-scoring"
  access_log_bucket = module.access_logs.name
  expirations       = { "verified-fan/" = 365 }
}

# What a query found is read at once, or asked again.
module "results_bucket" {
  source = "../bucket"

  name              = "${var.bucket_prefix}-athena-results"
  access_log_bucket = module.access_logs.name
  expirations       = { "results/" = 1 }
}

module "compute_logs_bucket" {
  source = "../bucket"

  name              = "${var.bucket_prefix}-compute-logs"
  access_log_bucket = module.access_logs.name
  expirations       = { "dagster/" = 30 }
}

module "lake" {
  source = "../lake"

  name                 = var.name
  lake_bucket          = var.lake_bucket
  results_location     = "s3://${module.results_bucket.name}/results/"
  results_key_arn      = module.results_bucket.key_arn
  bytes_scanned_cutoff = var.athena_bytes_cutoff
}
