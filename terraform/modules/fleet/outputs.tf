output "group_name" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.daemons.name
}

output "role_name" {
  description = "Name of the instances' role, to attach more policies."
  value       = aws_iam_role.instance.name
}

output "security_group_id" {
  description = "Security group of the instances."
  value       = aws_security_group.instance.id
}

output "user_data" {
  description = "Script that cloud-init runs to install and start the daemon."
  value       = local.user_data
}

output "endpoint_url" {
  description = "URL of the load balancer; null without one. With a certificate, use a domain name of yours that refers to this host."
  value       = one(module.endpoint[*].url)
}

output "endpoint_zone_id" {
  description = "Hosted zone of the load balancer, for an alias record; null without one."
  value       = one(module.endpoint[*].zone_id)
}

output "log_group_name" {
  description = "Log group of boots and daemons; null without log_retention_days."
  value       = one(aws_cloudwatch_log_group.daemon[*].name)
}
