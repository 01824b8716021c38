variable "family" {
  description = "Family of the task definition."
  type        = string
}

variable "container" {
  description = "Name of the container."
  type        = string
}

variable "image" {
  description = "Image, by digest."
  type        = string
}

variable "command" {
  description = "What it runs."
  type        = list(string)
}

variable "environment" {
  description = "Variables that are no secret."
  type        = map(string)
}

variable "secrets" {
  description = "ARNs of secrets, by the variable that holds them."
  type        = map(string)
}

variable "cpu" {
  description = "Units of a processor; 1,024 are one."
  type        = number
}

variable "memory" {
  description = "MiB."
  type        = number
}

variable "scratch_gib" {
  description = "Space for rows that are sorted and parts that wait."
  type        = number
  default     = 21
}

variable "port" {
  description = "Port that it listens on; null where it listens on none."
  type        = number
  default     = null
}

variable "health_command" {
  description = "What says that it is healthy; null where its end says enough."
  type        = list(string)
  default     = null
}

variable "stop_seconds" {
  description = "Time between SIGTERM and SIGKILL."
  type        = number
  default     = 30
}

variable "log_group" {
  description = "Name of its log group."
  type        = string
}

variable "region" {
  description = "Region of the log group."
  type        = string
}

variable "task_role_arn" {
  description = "What it may do."
  type        = string
}

variable "execution_role_arn" {
  description = "What starts it."
  type        = string
}
