output "topic_arn" {
  description = "What the people on call subscribe to."
  value       = aws_sns_topic.alarms.arn
}
