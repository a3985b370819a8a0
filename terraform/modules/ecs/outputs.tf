output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "Name of the service."
  value       = aws_ecs_service.daemons.name
}

output "task_role_name" {
  description = "Name of the tasks' role, to attach more policies."
  value       = aws_iam_role.task.name
}

output "log_group_name" {
  description = "Log group of the daemons."
  value       = aws_cloudwatch_log_group.daemon.name
}

output "endpoint_url" {
  description = "URL of the load balancer; null without one. With a certificate, use a domain name of yours that refers to this host."
  value       = one(module.endpoint[*].url)
}

output "endpoint_zone_id" {
  description = "Hosted zone of the load balancer, for an alias record; null without one."
  value       = one(module.endpoint[*].zone_id)
}
