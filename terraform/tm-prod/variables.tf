variable "account_id" {
  description = "The account; another one is refused."
  type        = string
}

variable "name" {
  description = "Name of the environment; everything is called after it."
  type        = string
}

variable "deployment" {
  description = "What the code is told that it runs in."
  type        = string
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
}

variable "load_balancer_subnet_ids" {
  description = "Subnets of the load balancer, in two zones or more."
  type        = list(string)
}

variable "load_balancer_internal" {
  description = "Whether the bridge has no public address."
  type        = bool
}

variable "caller_cidrs" {
  description = "Networks that may call the bridge."
  type        = list(string)
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
}

variable "git_sha" {
  description = "Commit that the image was made of."
  type        = string
}

variable "codes_service_url" {
  description = "Address of the codes service."
  type        = string
}

variable "entries_service_url" {
  description = "Address of the entries service."
  type        = string
}

variable "sfmc_auth_url" {
  description = "Address that gives Marketing Cloud tokens."
  type        = string
}

variable "sfmc_rest_url" {
  description = "Address of Marketing Cloud's API."
  type        = string
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
}

variable "bridge_count" {
  description = "How many bridges."
  type        = number
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
