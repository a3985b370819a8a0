output "group_name" {
  description = "Name of the Auto Scaling group."
  value       = aws_autoscaling_group.daemons.name
}

output "role_name" {
  description = "Name of the instances' role, to attach further policies to."
  value       = aws_iam_role.instance.name
}

output "security_group_id" {
  description = "Security group of the instances."
  value       = aws_security_group.instance.id
}

output "user_data" {
  description = "The script that makes an instance a daemon, as cloud-init runs it."
  value       = local.user_data
}
