output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "Name of the service."
  value       = aws_ecs_service.daemons.name
}

output "task_role_name" {
  description = "Name of the role of the tasks, to attach further policies to."
  value       = aws_iam_role.task.name
}

output "log_group_name" {
  description = "Where the daemons' log is."
  value       = aws_cloudwatch_log_group.daemon.name
}
