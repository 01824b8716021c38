# This file is the same in every environment (a test compares); what differs is in terraform.tfvars and backend.hcl.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }

    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # terraform init -backend-config=backend.hcl
  backend "s3" {}
}

provider "aws" {
  region = var.region

  # The values of one environment cannot be applied to the account of another.
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      system      = "export-platform"
      environment = var.name
    }
  }
}

module "platform" {
  source = "../modules/platform"

  name                      = var.name
  deployment                = var.deployment
  region                    = var.region
  bucket_prefix             = var.bucket_prefix
  vpc_id                    = var.vpc_id
  private_subnet_ids        = var.private_subnet_ids
  load_balancer_subnet_ids  = var.load_balancer_subnet_ids
  load_balancer_internal    = var.load_balancer_internal
  caller_cidrs              = var.caller_cidrs
  certificate_arn           = var.certificate_arn
  bridge_host               = var.bridge_host
  mongodb_cidrs             = var.mongodb_cidrs
  mongodb_database          = var.mongodb_database
  lake_bucket               = var.lake_bucket
  lake_key_arn              = var.lake_key_arn
  repository_arn            = var.repository_arn
  image                     = var.image
  git_sha                   = var.git_sha
  codes_service_url         = var.codes_service_url
  entries_service_url       = var.entries_service_url
  sfmc_auth_url             = var.sfmc_auth_url
  sfmc_rest_url             = var.sfmc_rest_url
  sfmc_client_id            = var.sfmc_client_id
  sfmc_account_id           = var.sfmc_account_id
  bridge_issuer             = var.bridge_issuer
  bridge_audience           = var.bridge_audience
  bridge_jwks_url           = var.bridge_jwks_url
  bridge_count              = var.bridge_count
  sizes                     = var.sizes
  runs_at_once              = var.runs_at_once
  otlp_endpoint             = var.otlp_endpoint
  webhooks_proxy            = var.webhooks_proxy
  webhooks_proxy_cidrs      = var.webhooks_proxy_cidrs
  athena_bytes_cutoff       = var.athena_bytes_cutoff
  database_class            = var.database_class
  database_gib              = var.database_gib
  database_multi_az         = var.database_multi_az
  database_backup_days      = var.database_backup_days
  database_password_version = var.database_password_version
  database_connections      = var.database_connections
  bridge_errors             = var.bridge_errors
  log_retention_days        = var.log_retention_days
}
