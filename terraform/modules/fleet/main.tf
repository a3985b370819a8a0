# An Auto Scaling group of daemons. Jobs need no load balancer: daemons receive their jobs from the queues. An instance can be
# terminated at any time; another daemon takes over its jobs.

data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

data "aws_ssm_parameter" "debian" {
  count = var.ami_id == null ? 1 : 0
  name  = "/aws/service/debian/release/13/latest/${var.architecture == "arm64" ? "arm64" : "amd64"}"
}

# Provides the name of the image's root volume, so that its size is set instead of adding a second volume.
data "aws_ami" "daemon" {
  include_deprecated = true

  filter {
    name   = "image-id"
    values = [local.ami_id]
  }
}

locals {
  ami_id = var.ami_id == null ? data.aws_ssm_parameter.debian[0].insecure_value : var.ami_id
  # After the grace time, a daemon releases running jobs, each with a few requests.
  stop_seconds = var.grace_seconds + 30
  # Before the grace time, the daemon needs up to 5 s to detect the interruption.
  hook_seconds = var.grace_seconds + 60

  # With a load balancer, daemons accept connections from outside their machine. The networks that can reach an internal one are
  # its authorization, unless the config has http.authorize. With a public one, daemons do not start without http.authorize.
  http_environment = var.load_balancer == null ? {} : merge(
    { MEDIAD_HTTP_HOST = "0.0.0.0", MEDIAD_HTTP_PORT = tostring(var.load_balancer.port) },
    var.load_balancer.public ? {} : { MEDIAD_HTTP_AUTHORIZE = "none" },
  )
  environment = join("\n", concat(
    [for name, value in merge(var.env, local.http_environment, { AWS_REGION = data.aws_region.current.region }) : "${name}=${value}"], [""]
  ))
  # A daemon that exits with 0 was asked to stop. Its instance would still count in the group, so it is powered off. The GPU also
  # needs ProtectClock=no, which before systemd 253 implied DeviceAllow=char-rtc and so denied all other devices
  # (https://github.com/systemd/systemd/issues/18142).
  drop_in = join("\n", concat(
    ["[Unit]", "SuccessAction=poweroff", "[Service]", "TimeoutStopSec=${local.stop_seconds}"],
    # The agent reads files, not the journal.
    var.log_retention_days == null ? [] : ["StandardOutput=append:/var/log/mediad.log", "StandardError=append:/var/log/mediad.log"],
    var.gpu ? ["PrivateDevices=no", "ProtectClock=no", "SupplementaryGroups=render video"] : [], [""],
  ))
  application = var.application == null ? null : {
    region = data.aws_region.current.region
    s3 = var.application.s3 == null ? null : {
      url    = "https://${var.application.s3.bucket}.s3.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}/${var.application.s3.key}"
      sha256 = var.application.s3.sha256
    }
    npm = var.application.npm == null ? null : {
      package       = var.application.npm.package
      registry      = var.application.npm.registry
      token_key     = "${trimprefix(var.application.npm.registry, "https:")}:_authToken"
      token_url     = var.application.npm.token_parameter == null ? null : "https://ssm.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}/"
      token_request = var.application.npm.token_parameter == null ? null : jsonencode({ Name = var.application.npm.token_parameter, WithDecryption = true })
    }
  }
  # What an instance reads to install the application: an object, or the parameter with the token of the registry.
  application_source = concat(
    [for it in [try(var.application.s3, null)] : { action = "s3:GetObject", resource = "s3:::${it.bucket}/${it.key}" } if it != null],
    [for name in [try(var.application.npm.token_parameter, null)] : {
      action   = "ssm:GetParameter",
      resource = "ssm:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:parameter/${trimprefix(name, "/")}",
    } if name != null],
  )
  log_group = "/mediad/${var.name}"
  logs = var.log_retention_days == null ? null : {
    architecture = var.architecture == "arm64" ? "arm64" : "amd64"
    config = base64encode(jsonencode({
      agent = { region = data.aws_region.current.region }
      logs = { logs_collected = { files = { collect_list = [
        { file_path = "/var/log/mediad.log", log_group_name = local.log_group, log_stream_name = "daemon/{instance_id}" },
        { file_path = "/var/log/cloud-init-output.log", log_group_name = local.log_group, log_stream_name = "boot/{instance_id}" },
      ] } } }
    }))
  }
  user_data = templatefile("${path.module}/files/user-data.sh.tftpl", {
    architecture = var.architecture == "arm64" ? "arm64" : "x64"
    node_version = var.node_version
    package      = var.package
    config       = var.config == null ? null : base64encode(var.config)
    application  = local.application
    logs         = local.logs
    environment  = base64encode(local.environment)
    unit         = base64encode(file("${path.module}/files/mediad.service"))
    drop_in      = base64encode(local.drop_in)
  })
}

resource "aws_iam_role" "instance" {
  name = "${var.name}-instance"
  tags = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.${data.aws_partition.current.dns_suffix}" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "daemon" {
  role       = aws_iam_role.instance.name
  policy_arn = var.daemon_policy_arn
}

resource "aws_iam_role_policy_attachment" "extra" {
  # By index, because an ARN can be unknown until apply.
  count      = length(var.extra_policy_arns)
  role       = aws_iam_role.instance.name
  policy_arn = var.extra_policy_arns[count.index]
}

# Permits to read the application, and nothing else.
resource "aws_iam_role_policy" "application" {
  count = length(local.application_source)
  name  = "application"
  role  = aws_iam_role.instance.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = local.application_source[count.index].action
      Resource = "arn:${data.aws_partition.current.partition}:${local.application_source[count.index].resource}"
    }]
  })
}

resource "aws_cloudwatch_log_group" "daemon" {
  count             = var.log_retention_days == null ? 0 : 1
  name              = local.log_group
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

# Permits to write to the log group, and neither to read it nor to create others.
resource "aws_iam_role_policy" "logs" {
  count = var.log_retention_days == null ? 0 : 1
  name  = "logs"
  role  = aws_iam_role.instance.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.daemon[0].arn}:*"
    }]
  })
}

resource "aws_iam_instance_profile" "instance" {
  name = "${var.name}-instance"
  role = aws_iam_role.instance.name
  tags = var.tags
}

resource "aws_security_group" "instance" {
  name        = "${var.name}-instance"
  description = "mediad daemons: egress to S3, SQS, packages; ingress only from their load balancer"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each          = { https = 443, http = 80 }
  security_group_id = aws_security_group.instance.id
  description       = each.key == "https" ? "S3, SQS, nodejs.org, npm" : "Debian packages, which are signed"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  tags              = var.tags
}

module "endpoint" {
  source                   = "../endpoint"
  count                    = var.load_balancer == null ? 0 : 1
  name                     = var.name
  settings                 = var.load_balancer
  target_type              = "instance"
  target_security_group_id = aws_security_group.instance.id
  port                     = var.load_balancer.port
  vpc_id                   = var.vpc_id
  tags                     = var.tags
}

resource "aws_launch_template" "daemon" {
  name                   = "${var.name}-daemon"
  image_id               = local.ami_id
  instance_type          = var.instance_types[0]
  user_data              = base64encode(local.user_data)
  update_default_version = true
  # An instance that is powered off is terminated. A spot instance cannot be stopped anyway.
  instance_initiated_shutdown_behavior = "terminate"
  tags                                 = var.tags

  # IMDSv2 with a hop limit of 1 protects the instance's credentials from server-side request forgery.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "disabled"
  }

  iam_instance_profile {
    arn = aws_iam_instance_profile.instance.arn
  }

  vpc_security_group_ids = concat([aws_security_group.instance.id], var.security_group_ids)

  block_device_mappings {
    device_name = data.aws_ami.daemon.root_device_name

    ebs {
      volume_size           = var.disk_gib
      volume_type           = "gp3"
      encrypted             = "true"
      delete_on_termination = "true"
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(var.tags, { Name = "${var.name}-daemon" })
    }
  }
}

resource "aws_autoscaling_group" "daemons" {
  name                      = "${var.name}-daemons"
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = var.subnet_ids
  health_check_type         = "EC2" # not the load balancer's: a daemon that is not ready continues its jobs
  target_group_arns         = module.endpoint[*].target_group_arn
  default_instance_warmup   = var.warmup_seconds
  wait_for_capacity_timeout = "0" # a fleet of 0 is ready, and spot capacity can be slow to arrive
  # Replaces a spot instance at risk before it is interrupted.
  capacity_rebalance  = true
  enabled_metrics     = ["GroupDesiredCapacity", "GroupInServiceInstances"]
  metrics_granularity = "1Minute"

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.on_demand_base
      on_demand_percentage_above_base_capacity = var.on_demand_percentage
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.daemon.id
        version            = aws_launch_template.daemon.latest_version
      }

      dynamic "override" {
        for_each = var.instance_types

        content {
          instance_type = override.value
        }
      }
    }
  }

  # Replaces instances after a change of the template. The hook below lets each old daemon finish its jobs.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 50
    }
  }

  dynamic "tag" {
    for_each = var.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false # the launch template propagates them
    }
  }

  # Create permissions and network access before the instances, and destroy them after the instances.
  depends_on = [
    aws_iam_role_policy.application,
    aws_iam_role_policy.logs,
    aws_iam_role_policy_attachment.daemon,
    aws_iam_role_policy_attachment.extra,
    aws_vpc_security_group_egress_rule.out,
  ]
}

# The daemon detects the termination in the instance's metadata, drains, and exits, which powers the instance off. The hook is not
# completed by a request, which would need a permission: it ends by its timeout, shortly after the grace time.
resource "aws_autoscaling_lifecycle_hook" "drain" {
  name                   = "${var.name}-drain"
  autoscaling_group_name = aws_autoscaling_group.daemons.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = local.hook_seconds
  default_result         = "CONTINUE"
}
