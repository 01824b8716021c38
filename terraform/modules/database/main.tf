# PostgreSQL for Dagster's storage: runs, events, ticks. Exports do not live here (decision 2): losing it loses history.

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = var.name
  family = "postgres16"

  # A connection without TLS is refused.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
}

resource "aws_kms_key" "this" {
  description             = "Dagster's storage of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

# Made for this call and handed on; it is in no state and in no plan.
ephemeral "random_password" "this" {
  length  = 40
  special = false
}

resource "aws_secretsmanager_secret" "password" {
  name        = "${var.name}-database-password"
  description = "Password of Dagster's storage."
  kms_key_id  = var.secrets_key_arn
}

resource "aws_secretsmanager_secret_version" "password" {
  secret_id                = aws_secretsmanager_secret.password.id
  secret_string_wo         = ephemeral.random_password.this.result
  secret_string_wo_version = var.password_version
}

resource "aws_db_instance" "this" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "16"
  instance_class = var.instance_class
  db_name        = "dagster"
  username       = "dagster"
  port           = 5432

  password_wo         = ephemeral.random_password.this.result
  password_wo_version = var.password_version

  allocated_storage     = var.storage_gib
  max_allocated_storage = var.storage_gib * 4
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this.arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.backup_days
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"

  auto_minor_version_upgrade      = true
  apply_immediately               = false
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql"]

  lifecycle {
    prevent_destroy = true
  }
}
