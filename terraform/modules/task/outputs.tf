output "arn" {
  description = "ARN of this revision."
  value       = aws_ecs_task_definition.this.arn
}

output "container" {
  description = "Name of the container."
  value       = var.container
}
