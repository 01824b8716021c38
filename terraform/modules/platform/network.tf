# Who reaches whom. Everything stands in private subnets; nothing listens to the world but the load balancer.

locals {
  security_groups = {
    entrance  = "Load balancer: from the callers to the bridge"
    bridge    = "Bridge: from the load balancer alone"
    code      = "Code server: from Dagster alone, for its gRPC has no authentication"
    webserver = "Webserver: from nobody, it listens on loopback"
    webhooks  = "Sender of webhooks: from nobody"
    dagster   = "Daemon, and the runs that it starts beside itself"
    database  = "Dagster's storage: from Dagster alone"
  }

  # from, to, port: the only connections inside.
  paths = {
    entrance-to-bridge    = { from = "entrance", to = "bridge", port = 8080 }
    webserver-to-code     = { from = "webserver", to = "code", port = 4266 }
    daemon-to-code        = { from = "dagster", to = "code", port = 4266 }
    code-to-database      = { from = "code", to = "database", port = 5432 }
    webserver-to-database = { from = "webserver", to = "database", port = 5432 }
    dagster-to-database   = { from = "dagster", to = "database", port = 5432 }
  }

  # Who needs AWS, partner services, the issuer of tokens or receivers of webhooks, and who MongoDB. That webhooks go to
  # public addresses alone is the sender's to see to (docs/decisions/0018); to no other port they go from here.
  to_https   = toset(["bridge", "code", "webhooks", "webserver", "dagster"])
  to_mongodb = toset(["bridge", "code", "webhooks", "dagster"])
}

resource "aws_security_group" "this" {
  for_each = local.security_groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "callers" {
  for_each = toset(var.caller_cidrs)

  security_group_id = aws_security_group.this["entrance"].id
  description       = "Callers of the bridge"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "inside" {
  for_each = local.paths

  security_group_id            = aws_security_group.this[each.value.to].id
  description                  = each.key
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  for_each = local.paths

  security_group_id            = aws_security_group.this[each.value.from].id
  description                  = each.key
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = local.to_https

  security_group_id = aws_security_group.this[each.value].id
  description       = "AWS, partner services, the issuer of tokens, receivers of webhooks"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Of the sender alone: what callers choose is called from there, and through it.
resource "aws_vpc_security_group_egress_rule" "webhooks_proxy" {
  for_each = toset(var.webhooks_proxy_cidrs)

  security_group_id = aws_security_group.this["webhooks"].id
  description       = "Egress proxy of webhooks"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = tonumber(regex(":([0-9]+)$", var.webhooks_proxy)[0])
  to_port           = tonumber(regex(":([0-9]+)$", var.webhooks_proxy)[0])
}

resource "aws_vpc_security_group_egress_rule" "mongodb" {
  for_each = { for pair in setproduct(local.to_mongodb, var.mongodb_cidrs) : "${pair[0]} ${pair[1]}" => pair }

  security_group_id = aws_security_group.this[each.value[0]].id
  description       = "MongoDB"
  cidr_ipv4         = each.value[1]
  ip_protocol       = "tcp"
  from_port         = 27017
  to_port           = 27017
}

# The code server's name, so that a new one is found without a new configuration.
resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${var.name}.internal"
  description = "Names of services inside."
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "code" {
  name = "code"

  dns_config {
    namespace_id = aws_service_discovery_private_dns_namespace.this.id

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}
