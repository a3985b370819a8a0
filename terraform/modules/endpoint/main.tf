# An Application Load Balancer in front of the daemons' HTTP endpoint, for modules/fleet and modules/ecs. Only the given
# networks can reach it: without http.authorize in the config, the endpoint lets everyone in.

variable "name" {
  description = "Name of the load balancer and of the target group, and prefix of the security group's name."
  type        = string
}

variable "settings" {
  description = "Variable `load_balancer` of modules/fleet and modules/ecs, which validate it."
  type = object({
    subnet_ids      = list(string)
    allowed_cidrs   = list(string)
    public          = optional(bool, false)
    certificate_arn = optional(string)
  })
}

variable "target_type" {
  description = "`instance` for EC2, `ip` for Fargate."
  type        = string
}

variable "target_security_group_id" {
  description = "Security group of the daemons."
  type        = string
}

variable "port" {
  description = "Port of the daemons' endpoint."
  type        = number
}

variable "vpc_id" {
  description = "VPC of the daemons."
  type        = string
}

variable "tags" {
  description = "Tags for all resources."
  type        = map(string)
}

locals {
  listener_port = var.settings.certificate_arn == null ? 80 : 443
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "mediad load balancer: ingress from allowed_cidrs, egress to the daemons"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = toset(var.settings.allowed_cidrs)
  security_group_id = aws_security_group.balancer.id
  description       = "Clients of the endpoint"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.listener_port
  to_port           = local.listener_port
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "daemons" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "The endpoint of the daemons"
  referenced_security_group_id = var.target_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
  tags                         = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id            = var.target_security_group_id
  description                  = "The load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
  tags                         = var.tags
}

resource "aws_lb" "endpoint" {
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = !var.settings.public
  subnets                    = var.settings.subnet_ids
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  tags                       = var.tags
}

resource "aws_lb_target_group" "daemons" {
  name        = var.name
  vpc_id      = var.vpc_id
  target_type = var.target_type
  protocol    = "HTTP"
  port        = var.port
  # Requests take well below a second. A daemon that stops waits no longer than this before it gets its signal.
  deregistration_delay = "10"
  tags                 = var.tags

  # A daemon that cannot reach S3 or SQS gets no requests, but is not replaced, because it continues its jobs.
  health_check {
    path                = "/ready"
    protocol            = "HTTP"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "endpoint" {
  load_balancer_arn = aws_lb.endpoint.arn
  port              = local.listener_port
  protocol          = var.settings.certificate_arn == null ? "HTTP" : "HTTPS"
  certificate_arn   = var.settings.certificate_arn
  ssl_policy        = var.settings.certificate_arn == null ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.daemons.arn
  }
}

# Exists only with the listener: ECS rejects a target group without a load balancer.
output "target_group_arn" {
  description = "Target group of the daemons."
  value       = aws_lb_listener.endpoint.default_action[0].target_group_arn
}

output "url" {
  description = "URL of the endpoint. With a certificate, use a domain name of yours that refers to this host (zone_id is for an alias record)."
  value       = "${var.settings.certificate_arn == null ? "http" : "https"}://${aws_lb.endpoint.dns_name}"
}

output "zone_id" {
  description = "Hosted zone of the load balancer, for an alias record."
  value       = aws_lb.endpoint.zone_id
}
