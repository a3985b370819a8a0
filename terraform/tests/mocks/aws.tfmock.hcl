# Values of the mocked account. Every queue and scaling policy has a different ARN, so that tests detect a wrong one. The ARNs are
# well-formed, because the provider checks them.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_region" {
  defaults = { region = "eu-central-1" }
}

mock_data "aws_ssm_parameter" {
  defaults = { insecure_value = "ami-0123456789abcdef0" }
}

mock_data "aws_ami" {
  defaults = { root_device_name = "/dev/xvda" }
}

mock_resource "aws_iam_policy" {
  defaults = { arn = "arn:aws:iam::123456789012:policy/mocked" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
}

mock_resource "aws_iam_instance_profile" {
  defaults = { arn = "arn:aws:iam::123456789012:instance-profile/mocked" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:mocked" }
}

mock_resource "aws_launch_template" {
  defaults = { id = "lt-0123456789abcdef0", latest_version = 7 }
}

mock_resource "aws_security_group" {
  defaults = { id = "sg-0123456789abcdef0" }
}

mock_resource "aws_ecs_cluster" {
  defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/mocked" }
}

mock_resource "aws_ecs_task_definition" {
  defaults = { arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/mocked:1" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mocked" }
}

mock_resource "aws_lb" {
  defaults = {
    arn      = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mocked/0123456789abcdef"
    dns_name = "mocked.eu-central-1.elb.amazonaws.com"
    zone_id  = "Z0123456789"
  }
}

mock_resource "aws_lb_target_group" {
  defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/mocked/0123456789abcdef" }
}

mock_resource "aws_lb_listener" {
  defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/mocked/0123456789abcdef/0123456789abcdef" }
}

override_resource {
  target = aws_sqs_queue.work
  values = {
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work"
    arn = "arn:aws:sqs:eu-central-1:123456789012:mediad-work"
  }
}

override_resource {
  target = aws_sqs_queue.in_progress
  values = {
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-in-progress"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-in-progress"
    arn = "arn:aws:sqs:eu-central-1:123456789012:mediad-in-progress"
  }
}

override_resource {
  target = aws_sqs_queue.dead
  values = {
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-dead"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-dead"
    arn = "arn:aws:sqs:eu-central-1:123456789012:mediad-dead"
  }
}

override_resource {
  target = aws_autoscaling_policy.track
  values = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:track" }
}

override_resource {
  target = aws_autoscaling_policy.wake
  values = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:wake" }
}

override_resource {
  target = aws_autoscaling_policy.idle
  values = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:idle" }
}

override_resource {
  target = aws_appautoscaling_policy.track
  values = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:track" }
}

override_resource {
  target = aws_appautoscaling_policy.step["wake"]
  values = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:wake" }
}

override_resource {
  target = aws_appautoscaling_policy.step["idle"]
  values = { arn = "arn:aws:autoscaling:eu-central-1:123456789012:scalingPolicy:idle" }
}
