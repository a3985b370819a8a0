# An Auto Scaling group of daemons. Nothing is in front of it: daemons take their jobs from the queues themselves, and may go
# at any moment; what they had in hand is taken over.

data "aws_region" "current" {}
data "aws_partition" "current" {}

data "aws_ssm_parameter" "debian" {
  count = var.ami_id == null ? 1 : 0
  name  = "/aws/service/debian/release/13/latest/${var.architecture == "arm64" ? "arm64" : "amd64"}"
}

# the size is to be that of the image's own root volume, whatever it is called, and of no second one
data "aws_ami" "daemon" {
  include_deprecated = true

  filter {
    name   = "image-id"
    values = [local.ami_id]
  }
}

locals {
  ami_id = var.ami_id == null ? data.aws_ssm_parameter.debian[0].insecure_value : var.ami_id
  # after the grace time a daemon releases what still runs, each job with a few requests
  stop_seconds = var.grace_seconds + 30
  # before it, up to 5 s until the daemon has seen the notice
  hook_seconds = var.grace_seconds + 60

  environment = join("\n", concat(
    [for name, value in merge(var.env, { AWS_REGION = data.aws_region.current.region }) : "${name}=${value}"], [""]
  ))
  # A daemon that has ended with 0 was told to go, and an instance without a daemon would still count: off with it. Its GPU is
  # there only without ProtectClock, too, which before systemd 253 implied DeviceAllow=char-rtc, and with it nothing else
  # (https://github.com/systemd/systemd/issues/18142)
  drop_in = join("\n", concat(
    ["[Unit]", "SuccessAction=poweroff", "[Service]", "TimeoutStopSec=${local.stop_seconds}"],
    var.gpu ? ["PrivateDevices=no", "ProtectClock=no"] : [], [""],
  ))
  user_data = templatefile("${path.module}/files/user-data.sh.tftpl", {
    architecture = var.architecture == "arm64" ? "arm64" : "x64"
    node_version = var.node_version
    package      = var.package
    config       = base64encode(var.config)
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
  # by place: an ARN may be unknown until it is applied
  count      = length(var.extra_policy_arns)
  role       = aws_iam_role.instance.name
  policy_arn = var.extra_policy_arns[count.index]
}

resource "aws_iam_instance_profile" "instance" {
  name = "${var.name}-instance"
  role = aws_iam_role.instance.name
  tags = var.tags
}

resource "aws_security_group" "instance" {
  name        = "${var.name}-instance"
  description = "mediad daemons: nobody in, out to S3, SQS, packages"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each          = { https = 443, http = 80 }
  security_group_id = aws_security_group.instance.id
  description       = each.key == "https" ? "S3, SQS, nodejs.org, npm" : "packages of Debian, which are signed"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  tags              = var.tags
}

resource "aws_launch_template" "daemon" {
  name                   = "${var.name}-daemon"
  image_id               = local.ami_id
  instance_type          = var.instance_types[0]
  user_data              = base64encode(local.user_data)
  update_default_version = true
  # whatever powers it off; a spot instance cannot be stopped in any case
  instance_initiated_shutdown_behavior = "terminate"
  tags                                 = var.tags

  # whoever can make the daemon fetch an URL must not get the instance's credentials: IMDSv2, and no further than this machine
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
  health_check_type         = "EC2"
  default_instance_warmup   = var.warmup_seconds
  wait_for_capacity_timeout = "0" # a fleet of 0 is ready, and spot capacity may take its time
  # a spot instance at risk is replaced before it is interrupted
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

  # a new template rolls through the group; the hook below lets each old daemon end its jobs
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
      propagate_at_launch = false # the template does
    }
  }

  # an instance has its rights and its way out from the start, and, when all is destroyed, to its end
  depends_on = [
    aws_iam_role_policy_attachment.daemon,
    aws_iam_role_policy_attachment.extra,
    aws_vpc_security_group_egress_rule.out,
  ]
}

# The daemon sees in the instance's metadata that the group wants it gone, drains, and powers the instance off. Nobody completes
# the hook: it ends by its timeout, a little after the grace time, and needs no permission for it.
resource "aws_autoscaling_lifecycle_hook" "drain" {
  name                   = "${var.name}-drain"
  autoscaling_group_name = aws_autoscaling_group.daemons.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = local.hook_seconds
  default_result         = "CONTINUE"
}
