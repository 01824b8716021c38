variable "name" {
  description = "Prefix of the names of the roles."
  type        = string
}

variable "cluster_name" {
  description = "Name of the ECS cluster."
  type        = string
}

variable "cluster_arn" {
  description = "ARN of the ECS cluster."
  type        = string
}

variable "run_family" {
  description = "Family of the task definition of runs."
  type        = string
}

variable "run_log_group_arn" {
  description = "ARN of the log group of runs."
  type        = string
}

variable "repository_arn" {
  description = "ARN of the repository that the image lies in."
  type        = string
}

variable "exports_bucket_arn" {
  description = "ARN of the bucket of the exports."
  type        = string
}

variable "exports_key_arn" {
  description = "ARN of its key."
  type        = string
}

variable "scoring_bucket_arn" {
  description = "ARN of the bucket that we share with our model."
  type        = string
}

variable "scoring_key_arn" {
  description = "ARN of its key."
  type        = string
}

variable "vf_scoring_bucket_arn" {
  description = "ARN of the bucket that we share with the second provider."
  type        = string
}

variable "vf_scoring_key_arn" {
  description = "ARN of its key."
  type        = string
}

variable "results_bucket_arn" {
  description = "ARN of the bucket of Athena's results."
  type        = string
}

variable "results_key_arn" {
  description = "ARN of its key."
  type        = string
}

variable "logs_bucket_arn" {
  description = "ARN of the bucket of Dagster's compute logs."
  type        = string
}

variable "logs_key_arn" {
  description = "ARN of its key."
  type        = string
}

variable "lake_bucket_arn" {
  description = "ARN of the bucket of the event lake, which others write."
  type        = string
}

variable "lake_key_arn" {
  description = "ARN of its key."
  type        = string
}

variable "workgroup_arn" {
  description = "ARN of the Athena workgroup."
  type        = string
}

variable "databases" {
  description = "Glue databases that may be read."
  type        = list(string)
}

variable "secrets_key_arn" {
  description = "ARN of the key of the secrets."
  type        = string
}

variable "secret_arns" {
  description = "ARNs of the secrets that each kind of process gets."
  type        = map(list(string))
}

variable "log_group_arns" {
  description = "ARN of the log group of each kind of process."
  type        = map(string)
}
