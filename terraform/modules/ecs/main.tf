# Daemons as a Fargate service. Jobs need no load balancer: daemons receive their jobs from the queues. Fargate announces every
# stop, including spot interruptions, with SIGTERM, and kills the task 120 s later, so there is no metadata to poll.

data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

locals {
  # After the grace time, 30 s to release running jobs. Fargate's limit is 120 s.
  stop_seconds = min(120, var.grace_seconds + 30)
  providers    = var.spot ? ["FARGATE_SPOT"] : ["FARGATE"]
  # With a load balancer, daemons accept connections from outside their machine. The networks that can reach an internal one are
  # its authorization, unless the config has http.authorize. With a public one, daemons do not start without http.authorize.
  http_environment = var.load_balancer == null ? {} : merge(
    { MEDIAD_HTTP_HOST = "0.0.0.0", MEDIAD_HTTP_PORT = tostring(var.load_balancer.port) },
    var.load_balancer.public ? {} : { MEDIAD_HTTP_AUTHORIZE = "none" },
  )
  environment = merge(var.env, local.http_environment, { AWS_REGION = data.aws_region.current.region, TMPDIR = "/var/lib/mediad" })
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = var.tags

  # Provides the metrics of running tasks for scaling.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_cloudwatch_log_group" "daemon" {
  name              = "/mediad/${var.name}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

locals {
  assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:*" }
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}

# Role of the daemon.
resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  assume_role_policy = local.assume
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "daemon" {
  role       = aws_iam_role.task.name
  policy_arn = var.daemon_policy_arn
}

# Role of ECS, to pull the image and create the log stream.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = local.assume
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_security_group" "task" {
  name        = "${var.name}-task"
  description = "mediad tasks: egress to S3, SQS, registry; ingress only from their load balancer"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = aws_security_group.task.id
  description       = "S3, SQS, image registry, CloudWatch"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}

module "endpoint" {
  source                   = "../endpoint"
  count                    = var.load_balancer == null ? 0 : 1
  name                     = var.name
  settings                 = var.load_balancer
  target_type              = "ip"
  target_security_group_id = aws_security_group.task.id
  port                     = var.load_balancer.port
  vpc_id                   = var.vpc_id
  tags                     = var.tags
}

resource "aws_ecs_task_definition" "daemon" {
  family                   = "${var.name}-daemon"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.cpu)
  memory                   = tostring(var.memory_mib)
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn
  tags                     = var.tags

  ephemeral_storage {
    size_in_gib = var.disk_gib
  }

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  volume {
    name = "work"
  }

  container_definitions = jsonencode([{
    name                   = "mediad"
    image                  = var.image
    essential              = true
    command                = ["start"]
    stopTimeout            = local.stop_seconds
    readonlyRootFilesystem = true
    environment            = [for name in sort(keys(local.environment)) : { name = name, value = local.environment[name] }]
    portMappings           = var.load_balancer == null ? [] : [{ containerPort = var.load_balancer.port, protocol = "tcp" }]
    mountPoints            = [{ sourceVolume = "work", containerPath = "/var/lib/mediad", readOnly = false }]
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.daemon.name
        awslogs-region        = data.aws_region.current.region
        awslogs-stream-prefix = "daemon"
      }
    }
  }])
}

resource "aws_ecs_service" "daemons" {
  name            = "${var.name}-daemons"
  cluster         = aws_ecs_cluster.this.arn
  task_definition = aws_ecs_task_definition.daemon.arn
  desired_count   = var.min_tasks
  propagate_tags  = "SERVICE"
  tags            = var.tags

  # New and old daemons can run at the same time.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "capacity_provider_strategy" {
    for_each = local.providers

    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.task.id]
    assign_public_ip = var.assign_public_ip
  }

  # The longest that ECS accepts. Otherwise it would replace a daemon that is not ready, which continues its jobs.
  health_check_grace_period_seconds = var.load_balancer == null ? null : 2147483647

  dynamic "load_balancer" {
    for_each = module.endpoint[*].target_group_arn

    content {
      target_group_arn = load_balancer.value
      container_name   = "mediad"
      container_port   = var.load_balancer.port
    }
  }

  # Create permissions and network access before the tasks, and destroy them after the tasks.
  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy_attachment.daemon,
    aws_iam_role_policy_attachment.execution,
    aws_vpc_security_group_egress_rule.out,
  ]

  # Set by scaling.
  lifecycle {
    ignore_changes = [desired_count]
  }
}
