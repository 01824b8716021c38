output "bridge_dns_name" {
  description = "What the name of the bridge points to."
  value       = module.platform.bridge_dns_name
}

output "alarm_topic_arn" {
  description = "What the people on call subscribe to."
  value       = module.platform.alarm_topic_arn
}

output "secret_names" {
  description = "Secrets whose values a person puts in place."
  value       = module.platform.secret_names
}
