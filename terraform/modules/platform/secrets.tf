# Secrets by reference: here are their places; their values are put there by a person and are in no state. Which process
# gets which is said once, and its role may read those alone.

resource "aws_kms_key" "secrets" {
  description             = "Secrets of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

locals {
  secret_names = {
    mongodb-uri-bridge    = "MongoDB for the bridge: reads campaigns, writes exports"
    mongodb-uri-webhooks  = "MongoDB for webhooks: reads exports, takes news off them, writes endpoints and deliveries"
    mongodb-uri-platform  = "MongoDB for sensors and runs"
    bridge-signing-keys   = "JWKS of the private keys that manifests are signed with"
    hash-secret           = "Key of the pseudonyms in files; a new one makes files of before and after impossible to join"
    codes-service-token   = "Token of the codes service"
    entries-service-token = "Token of the entries service"
    sfmc-client-secret    = "Secret of the Marketing Cloud package"
  }
}

resource "aws_secretsmanager_secret" "this" {
  for_each = local.secret_names

  name                    = "${var.name}-${each.key}"
  description             = each.value
  kms_key_id              = aws_kms_key.secrets.arn
  recovery_window_in_days = 30
}

locals {
  secret = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }

  dagster_secrets = { DAGSTER_PG_PASSWORD = module.database.password_secret_arn }

  # Variable = secret, by kind of process.
  secrets = {
    bridge = {
      MONGODB_URI         = local.secret["mongodb-uri-bridge"]
      BRIDGE_SIGNING_KEYS = local.secret["bridge-signing-keys"]
    }

    webhooks = { MONGODB_URI = local.secret["mongodb-uri-webhooks"] }

    daemon    = local.dagster_secrets
    webserver = local.dagster_secrets

    code = merge(local.dagster_secrets, {
      MONGODB_URI        = local.secret["mongodb-uri-platform"]
      EXPORT_HASH_SECRET = local.secret["hash-secret"]
    })

    worker = merge(local.dagster_secrets, {
      MONGODB_URI           = local.secret["mongodb-uri-platform"]
      EXPORT_HASH_SECRET    = local.secret["hash-secret"]
      CODES_SERVICE_TOKEN   = local.secret["codes-service-token"]
      ENTRIES_SERVICE_TOKEN = local.secret["entries-service-token"]
      SFMC_CLIENT_SECRET    = local.secret["sfmc-client-secret"]
    })
  }
}
