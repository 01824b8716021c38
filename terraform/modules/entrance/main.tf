# The one way in: TLS ends here, and only the bridge stands behind it. Dagster's page has no authentication and is not
# behind it (RELIABILITY S24).

resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  internal           = var.internal
  subnets            = var.subnet_ids
  security_groups    = [var.security_group_id]

  # A client that sends a header slowly, or one that no RFC allows, does not reach the bridge.
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  client_keep_alive          = 3600
  # A caller may let the bridge wait for 60 s (Prefer: wait), and a stream of events speaks every 15 s.
  idle_timeout               = 65
  enable_deletion_protection = true

  access_logs {
    bucket  = var.access_log_bucket
    prefix  = "load-balancer"
    enabled = true
  }
}

# Port 443 alone: a request in the clear is not redirected, because its token would have been sent already.
resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  routing_http_response_strict_transport_security_header_value = "max-age=31536000"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.bridge.arn
  }
}

# Metrics and readiness ask for no token and are for machines inside: from outside they are not there.
resource "aws_lb_listener_rule" "inside_only" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1

  condition {
    path_pattern {
      values = ["/metrics", "/metrics/*", "/readyz", "/readyz/*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "not found"
      status_code  = "404"
    }
  }
}

resource "aws_lb_target_group" "bridge" {
  name                 = var.name
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8080
  deregistration_delay = 30

  # The load balancer asks with the address of the target as Host, which the bridge refuses with 400 like any foreign
  # one (S20): the refusal says that it answers. What /healthz says, the container's own check asks on loopback.
  health_check {
    path                = "/healthz"
    matcher             = "400"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}
