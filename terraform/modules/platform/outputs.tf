output "bridge_dns_name" {
  description = "What the name of the bridge points to."
  value       = module.entrance.dns_name
}

output "alarm_topic_arn" {
  description = "What the people on call subscribe to."
  value       = module.alarms.topic_arn
}

output "secret_names" {
  description = "Secrets whose values a person puts in place."
  value       = [for secret in aws_secretsmanager_secret.this : secret.name]
}
