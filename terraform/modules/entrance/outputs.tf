output "target_group_arn" {
  description = "Where bridges register."
  value       = aws_lb_target_group.bridge.arn
}

output "dns_name" {
  description = "What the name of the bridge points to."
  value       = aws_lb.this.dns_name
}

output "load_balancer" {
  description = "Its name in CloudWatch."
  value       = aws_lb.this.arn_suffix
}

output "target_group" {
  description = "The name of the bridges in CloudWatch."
  value       = aws_lb_target_group.bridge.arn_suffix
}
