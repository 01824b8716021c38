output "name" {
  description = "Name of the bucket; its policy is in force once this is known."
  value       = aws_s3_bucket_policy.this.bucket
}
