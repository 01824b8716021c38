output "task_role_arns" {
  description = "What each kind of process may do."
  value       = { for name, role in aws_iam_role.task : name => role.arn }
}

output "execution_role_arns" {
  description = "What starts each kind of process."
  value       = { for name, role in aws_iam_role.execution : name => role.arn }
}
