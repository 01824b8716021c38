output "host" {
  description = "Where it listens."
  value       = aws_db_instance.this.address
}

output "identifier" {
  description = "Its name in CloudWatch."
  value       = aws_db_instance.this.identifier
}

output "name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "username" {
  description = "Its user."
  value       = aws_db_instance.this.username
}

output "password_secret_arn" {
  description = "Where its password lies."
  value       = aws_secretsmanager_secret.password.arn
}
