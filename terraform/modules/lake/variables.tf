variable "name" {
  description = "Name of the workgroup."
  type        = string
}

variable "lake_bucket" {
  description = "Bucket that holds the files of the tables."
  type        = string
}

variable "results_location" {
  description = "`s3://bucket/prefix/` for the results of queries."
  type        = string
}

variable "results_key_arn" {
  description = "Key that the results are encrypted with."
  type        = string
}

variable "bytes_scanned_cutoff" {
  description = "Bytes after which a query is stopped (RELIABILITY S27)."
  type        = number

  validation {
    condition     = var.bytes_scanned_cutoff >= 10485760
    error_message = "Athena takes no cut-off below 10 MiB."
  }
}
