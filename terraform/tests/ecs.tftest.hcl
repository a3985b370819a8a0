mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  env               = { MEDIAD_BUCKET = "my-media", MEDIAD_WORK_QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work" }
  queues            = { work = { name = "mediad-work" }, in_progress = { name = "mediad-in-progress" } }
  daemon_policy_arn = "arn:aws:iam::123456789012:policy/mediad-daemon"
  image             = "registry.example.com/mediad:0.1.0"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1"]
}

# This run must be the first: the count of an existing service is set by scaling, and ignored.
run "service" {
  variables {
    min_tasks = 1
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = jsonencode([for strategy in aws_ecs_service.daemons.capacity_provider_strategy : strategy.capacity_provider]) == jsonencode(["FARGATE_SPOT"]) && aws_ecs_service.daemons.desired_count == 1
    error_message = "tasks use Fargate Spot, and start with min_tasks"
  }

  assert {
    condition     = one(aws_ecs_service.daemons.network_configuration).assign_public_ip == false && jsonencode(tolist(one(aws_ecs_service.daemons.network_configuration).security_groups)) == jsonencode([aws_security_group.task.id])
    error_message = "tasks have no public IP, and their own security group"
  }

  assert {
    condition     = jsonencode([for setting in aws_ecs_cluster.this.setting : [setting.name, setting.value]]) == jsonencode([["containerInsights", "enabled"]])
    error_message = "the cluster reports the number of running tasks"
  }

  assert {
    condition     = aws_ecs_task_definition.daemon.network_mode == "awsvpc" && jsonencode(tolist(aws_ecs_task_definition.daemon.requires_compatibilities)) == jsonencode(["FARGATE"]) && one(aws_ecs_task_definition.daemon.ephemeral_storage).size_in_gib == 50
    error_message = "the task is for Fargate, with a disk of 50 GiB"
  }

  assert {
    condition     = aws_cloudwatch_log_group.daemon.retention_in_days == 30
    error_message = "the log is kept for 30 days"
  }
}

run "container" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition = jsonencode([for container in jsondecode(aws_ecs_task_definition.daemon.container_definitions) : [
      container.name, container.image, container.command, container.essential, container.readonlyRootFilesystem,
      container.linuxParameters, container.mountPoints[0].containerPath,
    ]]) == jsonencode([["mediad", "registry.example.com/mediad:0.1.0", ["start"], true, true, { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }, "/var/lib/mediad"]])
    error_message = "there is one hardened container, which starts a daemon"
  }

  assert {
    condition = jsonencode(jsondecode(aws_ecs_task_definition.daemon.container_definitions)[0].environment) == jsonencode([
      { name = "AWS_REGION", value = "eu-central-1" },
      { name = "MEDIAD_BUCKET", value = "my-media" },
      { name = "MEDIAD_WORK_QUEUE_URL", value = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work" },
      { name = "TMPDIR", value = "/var/lib/mediad" },
    ])
    error_message = "the environment is the root module's, with the region and the workspaces on the task's disk"
  }

  assert {
    condition     = jsonencode(jsondecode(aws_ecs_task_definition.daemon.container_definitions)[0].logConfiguration) == jsonencode({ logDriver = "awslogs", options = { awslogs-group = "/mediad/mediad", awslogs-region = "eu-central-1", awslogs-stream-prefix = "daemon" } })
    error_message = "the log goes to the log group"
  }
}

run "stop_timeout" {
  variables {
    grace_seconds = 90
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.daemon.container_definitions)[0].stopTimeout == 120
    error_message = "the stop timeout is 30 s longer than the grace time, and at most 120 s"
  }
}

run "roles" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = aws_iam_role_policy_attachment.daemon.role == aws_iam_role.task.name && aws_iam_role_policy_attachment.daemon.policy_arn == "arn:aws:iam::123456789012:policy/mediad-daemon"
    error_message = "the task has the policy of a daemon"
  }

  assert {
    condition     = aws_iam_role_policy_attachment.execution.role == aws_iam_role.execution.name && endswith(aws_iam_role_policy_attachment.execution.policy_arn, ":policy/service-role/AmazonECSTaskExecutionRolePolicy")
    error_message = "only ECS has the policy to pull the image and write the log"
  }

  assert {
    condition = alltrue([for role in [aws_iam_role.task, aws_iam_role.execution] : jsonencode(jsondecode(role.assume_role_policy).Statement[0]) == jsonencode({
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:ecs:eu-central-1:123456789012:*" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    })])
    error_message = "only tasks of this account can assume the roles"
  }
}

run "largest_task" {
  command = plan

  variables {
    cpu        = 16384
    memory_mib = 122880
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = aws_ecs_task_definition.daemon.cpu == "16384" && aws_ecs_task_definition.daemon.memory == "122880"
    error_message = "16 vCPUs with 120 GiB are valid"
  }
}

run "smallest_task" {
  command = plan

  variables {
    cpu        = 512
    memory_mib = 1024
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = aws_ecs_task_definition.daemon.cpu == "512" && aws_ecs_task_definition.daemon.memory == "1024"
    error_message = "half a vCPU with 1 GiB is valid"
  }
}
