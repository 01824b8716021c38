variable "name" {
  description = "Name of the load balancer."
  type        = string
}

variable "vpc_id" {
  description = "VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the load balancer."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group that says who may come."
  type        = string
}

variable "internal" {
  description = "Whether it has no public address."
  type        = bool
}

variable "certificate_arn" {
  description = "Certificate of the bridge's name."
  type        = string
}

variable "access_log_bucket" {
  description = "Bucket that gets a line for each request."
  type        = string
}
