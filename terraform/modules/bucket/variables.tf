variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket has 3 to 63 lower-case letters, digits and dashes; a dot breaks TLS."
  }
}

variable "access_log_bucket" {
  description = "Bucket that gets a line for each request."
  type        = string
}

variable "noncurrent_days" {
  description = "Days until what was deleted is gone for good."
  type        = number
  default     = 1
}

variable "expirations" {
  description = "Days after which objects below a prefix are deleted, by prefix."
  type        = map(number)
  default     = {}
}

variable "max_signature_seconds" {
  description = "Oldest signature that may read; null where nothing is read by links."
  type        = number
  default     = null
}

variable "write_once_prefixes" {
  description = "Prefixes below which an object may be made but never replaced."
  type        = list(string)
  default     = []
}
