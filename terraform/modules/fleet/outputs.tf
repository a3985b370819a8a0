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
