# How a container of ours runs, whatever it does: no root, nothing to write to but scratch space, no capability, secrets
# by reference.

resource "aws_ecs_task_definition" "this" {
  family                   = var.family
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  task_role_arn            = var.task_role_arn
  execution_role_arn       = var.execution_role_arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  ephemeral_storage {
    size_in_gib = var.scratch_gib
  }

  # Ends with the task. The image owns the folder, so that a user without rights may write to it.
  volume {
    name = "scratch"
  }

  container_definitions = jsonencode([
    {
      name                   = var.container
      image                  = var.image
      command                = var.command
      essential              = true
      user                   = "10001:10001"
      readonlyRootFilesystem = true
      privileged             = false
      stopTimeout            = var.stop_seconds
      environment            = [for name, value in var.environment : { name = name, value = value }]
      secrets                = [for name, reference in var.secrets : { name = name, valueFrom = reference }]
      portMappings           = var.port == null ? [] : [{ containerPort = var.port, protocol = "tcp" }]
      mountPoints            = [{ sourceVolume = "scratch", containerPath = "/scratch", readOnly = false }]

      linuxParameters = {
        initProcessEnabled = true
        capabilities       = { drop = ["ALL"] }
      }

      healthCheck = var.health_command == null ? null : {
        command = concat(["CMD"], var.health_command)
        # Dagster's own checks import for seconds on a quarter of a processor.
        interval    = 30
        timeout     = 20
        retries     = 3
        startPeriod = 120
      }

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = var.log_group
          awslogs-region        = var.region
          awslogs-stream-prefix = var.container
          mode                  = "non-blocking"
          max-buffer-size       = "4m"
        }
      }
    }
  ])
}
