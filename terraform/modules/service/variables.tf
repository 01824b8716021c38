variable "name" {
  description = "Name of the service."
  type        = string
}

variable "cluster_arn" {
  description = "Cluster that it runs in."
  type        = string
}

variable "task_definition_arn" {
  description = "What is kept running."
  type        = string
}

variable "container" {
  description = "Name of its container."
  type        = string
}

variable "desired_count" {
  description = "How many."
  type        = number
}

variable "one_of_a_kind" {
  description = "Whether two at once do harm."
  type        = bool
  default     = false
}

variable "reached_by_sessions" {
  description = "Whether a person may open a session to it."
  type        = bool
  default     = false
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Its security groups."
  type        = list(string)
}

variable "port" {
  description = "Port that the load balancer sends to."
  type        = number
  default     = null
}

variable "target_group_arn" {
  description = "Where it registers with the load balancer; null where it does not."
  type        = string
  default     = null
}

variable "registry_arn" {
  description = "Where its name is registered; null where it has none."
  type        = string
  default     = null
}
