variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "retention_days" {
  description = "Days that a line of the log is kept."
  type        = number
}
