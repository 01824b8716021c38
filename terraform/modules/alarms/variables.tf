variable "name" {
  description = "Prefix of the names."
  type        = string
}

variable "load_balancer" {
  description = "The load balancer's name in CloudWatch."
  type        = string
}

variable "target_group" {
  description = "The bridges' name in CloudWatch."
  type        = string
}

variable "database" {
  description = "Dagster's storage."
  type        = string
}

variable "database_connections" {
  description = "Connections above which somebody should look."
  type        = number
}

variable "workgroup" {
  description = "Athena workgroup."
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

variable "services" {
  description = "Name of the service of each kind of process."
  type        = map(string)
}

variable "run_family" {
  description = "Family of the task definition of runs."
  type        = string
}

variable "bridge_errors" {
  description = "Answers of 5xx a minute that are too many for five minutes."
  type        = number
}
