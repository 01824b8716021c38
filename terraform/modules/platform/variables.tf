variable "name" {
  description = "Name of the environment; everything is called after it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}$", var.name))
    error_message = "3 to 20 lower-case letters, digits and dashes."
  }
}

variable "deployment" {
  description = "What the code is told that it runs in."
  type        = string

  validation {
    condition     = contains(["nonprod", "prod"], var.deployment)
    error_message = "One of nonprod, prod (export_platform/settings.py)."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "bucket_prefix" {
  description = "First part of the names of the buckets, unique in the world."
  type        = string
}

variable "vpc_id" {
  description = "VPC."
  type        = string
}

variable "private_subnet_ids" {
  description = "Private subnets with a way to AWS, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "One zone may be lost."
  }
}

variable "load_balancer_subnet_ids" {
  description = "Subnets of the load balancer, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.load_balancer_subnet_ids) >= 2
    error_message = "One zone may be lost."
  }
}

variable "load_balancer_internal" {
  description = "Whether the bridge has no public address."
  type        = bool
}

variable "caller_cidrs" {
  description = "Networks that may call the bridge."
  type        = list(string)

  validation {
    condition     = !contains(var.caller_cidrs, "0.0.0.0/0") || !var.load_balancer_internal
    error_message = "An internal load balancer has callers that can be named."
  }
}

variable "certificate_arn" {
  description = "Certificate of the bridge's name."
  type        = string
}

variable "bridge_host" {
  description = "Name of the bridge."
  type        = string
}

variable "mongodb_cidrs" {
  description = "Networks that MongoDB stands in."
  type        = list(string)
}

variable "mongodb_database" {
  description = "Database of fan registration."
  type        = string
}

variable "lake_bucket" {
  description = "Bucket of the event lake, which others write."
  type        = string
}

variable "lake_key_arn" {
  description = "Key of that bucket."
  type        = string
}

variable "repository_arn" {
  description = "Repository that the image lies in."
  type        = string
}

variable "image" {
  description = "Image by digest: what was tested is what runs."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image is named by its digest; a tag can be moved."
  }
}

variable "git_sha" {
  description = "Commit that the image was made of."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{40}$", var.git_sha))
    error_message = "40 hexadecimal digits."
  }
}

variable "codes_service_url" {
  description = "Address of the codes service."
  type        = string

  validation {
    condition     = startswith(var.codes_service_url, "https://")
    error_message = "https only."
  }
}

variable "entries_service_url" {
  description = "Address of the entries service."
  type        = string

  validation {
    condition     = startswith(var.entries_service_url, "https://")
    error_message = "https only."
  }
}

variable "sfmc_auth_url" {
  description = "Address that gives Marketing Cloud tokens."
  type        = string

  validation {
    condition     = startswith(var.sfmc_auth_url, "https://")
    error_message = "https only."
  }
}

variable "sfmc_rest_url" {
  description = "Address of Marketing Cloud's API."
  type        = string

  validation {
    condition     = startswith(var.sfmc_rest_url, "https://")
    error_message = "https only."
  }
}

variable "sfmc_client_id" {
  description = "Id of the Marketing Cloud package."
  type        = string
}

variable "sfmc_account_id" {
  description = "Business unit of Marketing Cloud."
  type        = string
}

variable "bridge_issuer" {
  description = "The one issuer of tokens."
  type        = string
}

variable "bridge_audience" {
  description = "What tokens must be for."
  type        = string
}

variable "bridge_jwks_url" {
  description = "Where the issuer's keys are."
  type        = string

  validation {
    condition     = startswith(var.bridge_jwks_url, "https://")
    error_message = "https only."
  }
}

variable "bridge_count" {
  description = "How many bridges."
  type        = number

  validation {
    condition     = var.bridge_count >= 2
    error_message = "One is none while it is replaced."
  }
}

variable "sizes" {
  description = "Processor units, MiB and GiB of scratch space of each kind of process."
  type        = map(object({ cpu = number, memory = number, scratch_gib = number }))
}

variable "runs_at_once" {
  description = "Most exports out of the queue at the same time."
  type        = number
}

variable "webhooks_proxy" {
  description = "Egress proxy that webhooks go through, http://host:port; empty: none but the network's."
  type        = string

  validation {
    condition     = can(regex("^(http://[a-z0-9.-]+:[0-9]+)?$", var.webhooks_proxy))
    error_message = "It is http://host:port, without a path or a password."
  }
}

variable "webhooks_proxy_cidrs" {
  description = "Where that proxy listens; empty where there is none."
  type        = list(string)
}

variable "otlp_endpoint" {
  description = "Where spans go by OTLP over HTTP, https and port 443; empty: nowhere."
  type        = string
}

variable "athena_bytes_cutoff" {
  description = "Bytes after which a query is stopped."
  type        = number
}

variable "database_class" {
  description = "Class of Dagster's storage."
  type        = string
}

variable "database_gib" {
  description = "Space of Dagster's storage."
  type        = number
}

variable "database_multi_az" {
  description = "Whether a standby in another zone takes over."
  type        = bool
}

variable "database_backup_days" {
  description = "Days that its backups are kept."
  type        = number
}

variable "database_password_version" {
  description = "Raise it to make a new password."
  type        = number
}

variable "database_connections" {
  description = "Connections above which somebody should look."
  type        = number
}

variable "bridge_errors" {
  description = "Answers of 5xx a minute that are too many."
  type        = number
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
}
