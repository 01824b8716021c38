# A task that is kept running, as often as asked; a deployment that does not become healthy is taken back by itself.

resource "aws_ecs_service" "this" {
  name            = var.name
  cluster         = var.cluster_arn
  task_definition = var.task_definition_arn
  launch_type     = "FARGATE"
  desired_count   = var.desired_count

  # One of a kind is stopped before its successor starts: two daemons would both launch.
  deployment_minimum_healthy_percent = var.one_of_a_kind ? 0 : 100
  deployment_maximum_percent         = var.one_of_a_kind ? 100 : 200

  enable_execute_command = var.reached_by_sessions
  propagate_tags         = "SERVICE"
  wait_for_steady_state  = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = var.security_group_ids
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = var.target_group_arn == null ? [] : [var.target_group_arn]

    content {
      target_group_arn = load_balancer.value
      container_name   = var.container
      container_port   = var.port
    }
  }

  dynamic "service_registries" {
    for_each = var.registry_arn == null ? [] : [var.registry_arn]

    content {
      registry_arn = service_registries.value
    }
  }
}
