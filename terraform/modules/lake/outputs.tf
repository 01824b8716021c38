output "workgroup" {
  description = "Name of the workgroup."
  value       = aws_athena_workgroup.this.name
}

output "workgroup_arn" {
  description = "ARN of the workgroup."
  value       = aws_athena_workgroup.this.arn
}

output "databases" {
  description = "Names of the databases."
  value       = [for database in aws_glue_catalog_database.this : database.name]
}
