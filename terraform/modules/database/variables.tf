variable "name" {
  description = "Name of the instance."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group that lets Dagster in."
  type        = string
}

variable "instance_class" {
  description = "Class of the instance."
  type        = string
}

variable "storage_gib" {
  description = "Space; it grows to four times by itself."
  type        = number
}

variable "multi_az" {
  description = "Whether a standby in another zone takes over."
  type        = bool
}

variable "backup_days" {
  description = "Days that backups are kept."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_days >= 7
    error_message = "A mistake of a Friday is found on a Monday."
  }
}

variable "password_version" {
  description = "Raise it to make a new password."
  type        = number
}

variable "secrets_key_arn" {
  description = "Key that the password is encrypted with."
  type        = string
}
