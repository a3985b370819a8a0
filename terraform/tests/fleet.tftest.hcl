mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  env = {
    MEDIAD_BUCKET                = "my-media"
    MEDIAD_WORK_QUEUE_URL        = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work"
    MEDIAD_IN_PROGRESS_QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-in-progress"
    MEDIAD_DEAD_QUEUE_URL        = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-dead"
  }
  queues            = { work = { name = "mediad-work" }, in_progress = { name = "mediad-in-progress" } }
  daemon_policy_arn = "arn:aws:iam::123456789012:policy/mediad-daemon"
  package           = "mediad@0.1.0"
  config            = "export default defineConfig({ shutdown: { metadataUrl } })"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1", "subnet-2"]
}

run "metadata_is_v2_only" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode([for options in aws_launch_template.daemon.metadata_options : [
      options.http_endpoint, options.http_tokens, options.http_put_response_hop_limit, options.instance_metadata_tags,
    ]]) == jsonencode([["enabled", "required", 1, "disabled"]])
    error_message = "only IMDSv2 with a hop limit of 1 is enabled"
  }
}

run "launch_template" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = aws_launch_template.daemon.image_id == "ami-0123456789abcdef0" && data.aws_ssm_parameter.debian[0].name == "/aws/service/debian/release/13/latest/amd64"
    error_message = "the image is Debian 13 for amd64"
  }

  assert {
    condition     = jsonencode(one(data.aws_ami.daemon.filter).values) == jsonencode(["ami-0123456789abcdef0"]) && aws_launch_template.daemon.instance_initiated_shutdown_behavior == "terminate"
    error_message = "the disk is the image's root volume, and an instance that is powered off is terminated"
  }

  assert {
    condition     = one(aws_launch_template.daemon.iam_instance_profile).arn == aws_iam_instance_profile.instance.arn
    error_message = "instances have the profile of the role"
  }

  assert {
    condition     = jsonencode(tolist(aws_launch_template.daemon.vpc_security_group_ids)) == jsonencode([aws_security_group.instance.id])
    error_message = "instances have their own security group"
  }

  assert {
    condition     = jsonencode([for disk in aws_launch_template.daemon.block_device_mappings : [disk.device_name, one(disk.ebs).volume_size, one(disk.ebs).volume_type, one(disk.ebs).encrypted]]) == jsonencode([["/dev/xvda", 50, "gp3", "true"]])
    error_message = "the disk has 50 GiB and is encrypted"
  }

  assert {
    condition     = aws_launch_template.daemon.user_data == base64encode(output.user_data)
    error_message = "the user data is the script"
  }
}

run "no_ingress" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = jsonencode([for rule in aws_vpc_security_group_egress_rule.out : [rule.security_group_id == aws_security_group.instance.id, rule.ip_protocol, rule.from_port, rule.to_port]]) == jsonencode([[true, "tcp", 80, 80], [true, "tcp", 443, 443]])
    error_message = "egress is permitted only by http and https"
  }

  assert {
    condition     = aws_security_group.instance.vpc_id == "vpc-1"
    error_message = "the security group is in the given VPC"
  }
}

run "role" {
  variables {
    extra_policy_arns = ["arn:aws:iam::123456789012:policy/log-in"]
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role.instance.assume_role_policy).Statement) == jsonencode([{
      Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole",
    }])
    error_message = "only EC2 can assume the role"
  }

  assert {
    condition     = aws_iam_role_policy_attachment.daemon.policy_arn == "arn:aws:iam::123456789012:policy/mediad-daemon" && aws_iam_role_policy_attachment.daemon.role == aws_iam_role.instance.name
    error_message = "the role has the policy of a daemon"
  }

  assert {
    condition     = jsonencode([for one in aws_iam_role_policy_attachment.extra : one.policy_arn]) == jsonencode(["arn:aws:iam::123456789012:policy/log-in"])
    error_message = "the role has the extra policies"
  }
}

run "group" {
  variables {
    on_demand_base       = 1
    on_demand_percentage = 25
    max_size             = 6
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = aws_autoscaling_group.daemons.capacity_rebalance == true && aws_autoscaling_group.daemons.min_size == 0 && aws_autoscaling_group.daemons.max_size == 6
    error_message = "the group replaces instances at risk, and scales from 0 to max_size"
  }

  assert {
    condition = jsonencode([for mix in one(aws_autoscaling_group.daemons.mixed_instances_policy).instances_distribution : [
      mix.spot_allocation_strategy, mix.on_demand_base_capacity, mix.on_demand_percentage_above_base_capacity,
    ]]) == jsonencode([["price-capacity-optimized", 1, 25]])
    error_message = "spot instances are chosen by price and capacity, in addition to the on-demand instances"
  }

  assert {
    condition     = jsonencode(one(one(aws_autoscaling_group.daemons.mixed_instances_policy).launch_template).override[*].instance_type) == jsonencode(["c7i.xlarge", "c7a.xlarge", "c6i.xlarge", "c6a.xlarge"])
    error_message = "the group has several instance types"
  }

  assert {
    condition     = one(one(one(aws_autoscaling_group.daemons.mixed_instances_policy).launch_template).launch_template_specification).version == "7"
    error_message = "the group has the latest version of the template by number, so that a new one causes a refresh"
  }

  assert {
    condition     = jsonencode(sort(aws_autoscaling_group.daemons.enabled_metrics)) == jsonencode(["GroupDesiredCapacity", "GroupInServiceInstances"]) && aws_autoscaling_group.daemons.metrics_granularity == "1Minute"
    error_message = "the group reports the metrics for scaling"
  }

  assert {
    condition     = jsonencode(sort(aws_autoscaling_group.daemons.vpc_zone_identifier)) == jsonencode(["subnet-1", "subnet-2"])
    error_message = "the group uses the given subnets"
  }
}

run "termination_hook" {
  variables {
    grace_seconds = 100
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode([for hook in [aws_autoscaling_lifecycle_hook.drain] : [
      hook.autoscaling_group_name, hook.lifecycle_transition, hook.default_result,
    ]]) == jsonencode([["mediad-daemons", "autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE"]])
    error_message = "a terminating instance waits, and continues after the timeout"
  }

  assert {
    condition     = aws_autoscaling_lifecycle_hook.drain.heartbeat_timeout >= 100 + 30 + 5
    error_message = "the hook is longer than the grace time, the release of jobs, and the detection of the interruption"
  }

  assert {
    condition     = local.stop_seconds >= 100 + 30 && strcontains(local.drop_in, "TimeoutStopSec=130\n")
    error_message = "systemd waits longer than the grace time"
  }

  assert {
    condition     = startswith(local.drop_in, "[Unit]\nSuccessAction=poweroff\n")
    error_message = "an instance is powered off when its daemon was asked to stop"
  }
}

run "user_data" {
  variables {
    # The largest valid config.
    config = format("%-6000s", "export default defineConfig({ bucket: 'it''s \"quoted\" $HOME', shutdown: { metadataUrl } })")
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = strcontains(output.user_data, base64encode(var.config)) && strcontains(output.user_data, base64encode(file("modules/fleet/files/mediad.service")))
    error_message = "the user data contains the complete config and unit"
  }

  assert {
    condition     = strcontains(local.environment, "AWS_REGION=eu-central-1\n") && alltrue([for name, value in var.env : strcontains(local.environment, "${name}=${value}\n")])
    error_message = "the environment is the root module's, with the region"
  }

  assert {
    condition     = strcontains(output.user_data, "npm install --prefix /opt/mediad --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --save-exact 'mediad@0.1.0'") && strcontains(output.user_data, "sha256sum --check --strict")
    error_message = "the given version of mediad is installed, and Node is checked"
  }

  assert {
    condition     = length(base64encode(var.config)) == 8000 && length(output.user_data) <= 16384
    error_message = "the user data with the largest config fits into 16 KiB"
  }
}

run "application" {
  variables {
    package     = null
    config      = null
    application = { s3 = { bucket = "my-releases", key = "media/app-1.2.0.tgz", sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" } }
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode([for policy in aws_iam_role_policy.application : [policy.role, jsondecode(policy.policy).Statement]]) == jsonencode([["mediad-instance", [
      { Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::my-releases/media/app-1.2.0.tgz" },
    ]]])
    error_message = "the role may read the application, and no other object"
  }

  assert {
    condition     = strcontains(output.user_data, "'https://my-releases.s3.eu-central-1.amazonaws.com/media/app-1.2.0.tgz'") && strcontains(output.user_data, "aws:amz:eu-central-1:$service")
    error_message = "the application is downloaded from its bucket"
  }

  assert {
    condition     = strcontains(output.user_data, "echo '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  application.tgz' | sha256sum --check --strict -")
    error_message = "the checksum of the application is checked"
  }

  assert {
    condition     = strcontains(output.user_data, "npm ci --prefix /opt/mediad --omit=dev --omit=optional --ignore-scripts") && !strcontains(output.user_data, "npm install")
    error_message = "the versions of the lockfile are installed"
  }

  assert {
    condition     = length(output.user_data) <= 16384
    error_message = "the user data fits into 16 KiB"
  }
}

run "application_without_checksum" {
  variables {
    package     = null
    config      = null
    application = { s3 = { bucket = "my-releases", key = "app.tar.gz" } }
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = strcontains(output.user_data, "tar -xzf application.tgz") && !strcontains(output.user_data, "  application.tgz'")
    error_message = "the checksum of the application is optional"
  }
}

run "application_from_a_registry" {
  variables {
    package     = null
    config      = null
    application = { npm = { package = "@acme/media@1.2.0", registry = "https://npm.example.com/team/", token_parameter = "/media/npm" } }
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition = jsonencode([for policy in aws_iam_role_policy.application : [policy.role, jsondecode(policy.policy).Statement]]) == jsonencode([["mediad-instance", [
      { Effect = "Allow", Action = "ssm:GetParameter", Resource = "arn:aws:ssm:eu-central-1:123456789012:parameter/media/npm" },
    ]]])
    error_message = "the role may read the token, and no other parameter"
  }

  assert {
    condition     = strcontains(output.user_data, "'https://ssm.eu-central-1.amazonaws.com/'") && strcontains(output.user_data, "'{\"Name\":\"/media/npm\",\"WithDecryption\":true}'")
    error_message = "the token is read from the parameter"
  }

  assert {
    condition     = strcontains(output.user_data, "registry=https://npm.example.com/team/'") && strcontains(output.user_data, "`//npm.example.com/team/:_authToken=$")
    error_message = "npm uses the registry with the token"
  }

  assert {
    condition     = strcontains(output.user_data, "npm pack --silent '@acme/media@1.2.0'") && strcontains(output.user_data, "npm-shrinkwrap.json") && strcontains(output.user_data, "npm ci ")
    error_message = "the package is installed with its lockfile"
  }

  assert {
    condition     = length(output.user_data) <= 16384
    error_message = "the user data fits into 16 KiB"
  }
}

run "application_from_the_public_registry" {
  variables {
    package     = null
    config      = null
    application = { npm = { package = "media_1.app@1.2.0" } }
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = length(aws_iam_role_policy.application) == 0 && strcontains(output.user_data, "registry=https://registry.npmjs.org/'") && !strcontains(output.user_data, "aws-sigv4")
    error_message = "without a token, the role has no more permissions"
  }
}

run "no_application" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = length(aws_iam_role_policy.application) == 0 && !strcontains(output.user_data, "application.tgz") && !strcontains(output.user_data, "aws-sigv4")
    error_message = "without an application, the role has no more permissions"
  }
}

run "logs" {
  variables {
    log_retention_days = 14
    # The largest valid config.
    config = format("%-6000s", "export default defineConfig({ shutdown: { metadataUrl } })")
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = jsonencode([for group in aws_cloudwatch_log_group.daemon : [group.name, group.retention_in_days]]) == jsonencode([["/mediad/mediad", 14]]) && output.log_group_name == "/mediad/mediad"
    error_message = "the log group keeps the log for the given days"
  }

  assert {
    condition = jsonencode([for policy in aws_iam_role_policy.logs : [policy.role, jsondecode(policy.policy).Statement]]) == jsonencode([["mediad-instance", [
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "arn:aws:logs:eu-central-1:123456789012:log-group:mocked:*" },
    ]]])
    error_message = "the role may write to this log group, and nothing else"
  }

  assert {
    condition = jsonencode(jsondecode(base64decode(local.logs.config))) == jsonencode({
      agent = { region = "eu-central-1" }
      logs = { logs_collected = { files = { collect_list = [
        { file_path = "/var/log/mediad.log", log_group_name = "/mediad/mediad", log_stream_name = "daemon/{instance_id}" },
        { file_path = "/var/log/cloud-init-output.log", log_group_name = "/mediad/mediad", log_stream_name = "boot/{instance_id}" },
      ] } } }
    }) && strcontains(output.user_data, local.logs.config)
    error_message = "the agent sends the output of boot and daemon to the group"
  }

  assert {
    condition     = strcontains(local.drop_in, "[Service]\nTimeoutStopSec=120\nStandardOutput=append:/var/log/mediad.log\nStandardError=append:/var/log/mediad.log\n")
    error_message = "the daemon writes to the file that the agent reads"
  }

  assert {
    condition     = length(output.user_data) <= 16384
    error_message = "the user data with the largest config and the agent fits into 16 KiB"
  }
}

run "no_logs" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.daemon) == 0 && length(aws_iam_role_policy.logs) == 0 && output.log_group_name == null && !strcontains(output.user_data, "cloudwatch") && !strcontains(local.drop_in, "append:")
    error_message = "by default the log is in the journal, and the role may not write to CloudWatch"
  }
}

run "gpu" {
  variables {
    gpu            = true
    ami_id         = "ami-0fedcba9876543210"
    instance_types = ["g6.xlarge", "g5.xlarge"]
  }

  override_data {
    target = data.aws_ami.daemon
    values = { root_device_name = "/dev/sda1" }
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = aws_launch_template.daemon.block_device_mappings[0].device_name == "/dev/sda1"
    error_message = "the disk is the image's root volume, by its name"
  }

  assert {
    condition     = aws_launch_template.daemon.image_id == "ami-0fedcba9876543210" && length(data.aws_ssm_parameter.debian) == 0
    error_message = "the image is the given one"
  }

  assert {
    condition     = strcontains(local.drop_in, "PrivateDevices=no\nProtectClock=no\nSupplementaryGroups=render video\n")
    error_message = "the daemon has access to the GPU"
  }

  assert {
    condition     = jsonencode(one(one(aws_autoscaling_group.daemons.mixed_instances_policy).launch_template).override[*].instance_type) == jsonencode(["g6.xlarge", "g5.xlarge"])
    error_message = "the instance types are the given ones"
  }
}

run "arm" {
  variables {
    architecture   = "arm64"
    instance_types = ["c7g.xlarge"]
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = data.aws_ssm_parameter.debian[0].name == "/aws/service/debian/release/13/latest/arm64" && strcontains(output.user_data, "linux-arm64.tar.xz")
    error_message = "image and Node are for arm64"
  }

  assert {
    condition     = !strcontains(local.drop_in, "PrivateDevices")
    error_message = "without gpu the unit has no access to devices"
  }
}
