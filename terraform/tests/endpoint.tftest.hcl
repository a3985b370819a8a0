mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_security_group.balancer
  values = { id = "sg-00000000000000001" }
}

variables {
  name                     = "mediad"
  settings                 = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16", "10.1.0.0/16"] }
  target_type              = "instance"
  target_security_group_id = "sg-00000000000000002"
  port                     = 3000
  vpc_id                   = "vpc-1"
  tags                     = {}

  # of modules/fleet and modules/ecs
  env               = { MEDIAD_BUCKET = "my-media" }
  queues            = { work = { name = "mediad-work" }, in_progress = { name = "mediad-in-progress" } }
  daemon_policy_arn = "arn:aws:iam::123456789012:policy/mediad-daemon"
  package           = "mediad@0.1.0"
  config            = "export default defineConfig({ shutdown: { metadataUrl } })"
  image             = "registry.example.com/mediad:0.1.0"
  subnet_ids        = ["subnet-1", "subnet-2"]
  min_size          = 1
  min_tasks         = 1
  load_balancer     = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], port = 8080 }
}

run "internal" {
  module {
    source = "./modules/endpoint"
  }

  assert {
    condition     = aws_lb.endpoint.internal == true && aws_lb.endpoint.load_balancer_type == "application" && aws_lb.endpoint.drop_invalid_header_fields == true
    error_message = "the load balancer is internal by default"
  }

  assert {
    condition     = jsonencode([sort(aws_lb.endpoint.subnets), tolist(aws_lb.endpoint.security_groups)]) == jsonencode([["subnet-1", "subnet-2"], ["sg-00000000000000001"]])
    error_message = "the load balancer has its own security group, in the given subnets"
  }

  assert {
    condition     = jsonencode([aws_lb_listener.endpoint.port, aws_lb_listener.endpoint.protocol]) == jsonencode([80, "HTTP"]) && startswith(output.url, "http://")
    error_message = "without a certificate, the listener is plain http"
  }

  assert {
    condition     = jsonencode([for action in aws_lb_listener.endpoint.default_action : [action.type, action.target_group_arn]]) == jsonencode([["forward", aws_lb_target_group.daemons.arn]]) && output.target_group_arn == aws_lb_target_group.daemons.arn
    error_message = "the listener forwards to the daemons"
  }
}

run "health_check" {
  module {
    source = "./modules/endpoint"
  }

  assert {
    condition     = jsonencode([for check in aws_lb_target_group.daemons.health_check : [check.path, check.protocol, check.matcher]]) == jsonencode([["/ready", "HTTP", "200"]])
    error_message = "the health check is GET /ready"
  }

  assert {
    condition     = jsonencode([aws_lb_target_group.daemons.target_type, aws_lb_target_group.daemons.port, aws_lb_target_group.daemons.vpc_id, aws_lb_target_group.daemons.deregistration_delay]) == jsonencode(["instance", 3000, "vpc-1", "10"])
    error_message = "targets are the daemons' port"
  }
}

run "networks" {
  module {
    source = "./modules/endpoint"
  }

  assert {
    condition     = jsonencode([for rule in aws_vpc_security_group_ingress_rule.clients : [rule.security_group_id, rule.cidr_ipv4, rule.ip_protocol, rule.from_port, rule.to_port]]) == jsonencode([for cidr in ["10.0.0.0/16", "10.1.0.0/16"] : ["sg-00000000000000001", cidr, "tcp", 80, 80]])
    error_message = "only the given networks reach the load balancer, on the port of the listener"
  }

  assert {
    condition = jsonencode([for rule in [aws_vpc_security_group_egress_rule.daemons, aws_vpc_security_group_ingress_rule.balancer] : [rule.security_group_id, rule.referenced_security_group_id, rule.ip_protocol, rule.from_port, rule.to_port]]) == jsonencode([
      ["sg-00000000000000001", "sg-00000000000000002", "tcp", 3000, 3000],
      ["sg-00000000000000002", "sg-00000000000000001", "tcp", 3000, 3000],
    ])
    error_message = "the load balancer reaches only the daemons, and only it reaches them"
  }
}

run "public" {
  variables {
    settings = {
      subnet_ids      = ["subnet-1", "subnet-2"]
      allowed_cidrs   = ["0.0.0.0/0"]
      public          = true
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    }
  }

  module {
    source = "./modules/endpoint"
  }

  assert {
    condition     = aws_lb.endpoint.internal == false
    error_message = "the load balancer is public"
  }

  assert {
    condition = jsonencode([aws_lb_listener.endpoint.port, aws_lb_listener.endpoint.protocol, aws_lb_listener.endpoint.certificate_arn, aws_lb_listener.endpoint.ssl_policy]) == jsonencode([
      443, "HTTPS", "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef", "ELBSecurityPolicy-TLS13-1-2-2021-06",
    ]) && startswith(output.url, "https://")
    error_message = "the listener has TLS 1.2 or newer, with the certificate"
  }

  assert {
    condition     = jsonencode([for rule in aws_vpc_security_group_ingress_rule.clients : [rule.cidr_ipv4, rule.from_port, rule.to_port]]) == jsonencode([["0.0.0.0/0", 443, 443]])
    error_message = "clients reach only the port of TLS"
  }
}

run "fleet" {
  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = jsonencode(tolist(aws_autoscaling_group.daemons.target_group_arns)) == jsonencode([module.endpoint[0].target_group_arn]) && aws_autoscaling_group.daemons.health_check_type == "EC2"
    error_message = "the group registers its instances, and does not replace those that are not ready"
  }

  assert {
    condition     = strcontains(local.environment, "MEDIAD_HTTP_HOST=0.0.0.0\n") && strcontains(local.environment, "MEDIAD_HTTP_PORT=8080\n")
    error_message = "the daemons listen on all interfaces, on the port of the target group"
  }

  assert {
    condition     = strcontains(local.environment, "MEDIAD_HTTP_AUTHORIZE=none\n")
    error_message = "the networks of an internal load balancer are its authorization"
  }

  assert {
    condition     = output.endpoint_url == "http://mocked.eu-central-1.elb.amazonaws.com" && output.endpoint_zone_id == "Z0123456789"
    error_message = "the outputs have the host of the load balancer"
  }
}

run "fleet_public" {
  variables {
    load_balancer = {
      subnet_ids      = ["subnet-1", "subnet-2"]
      allowed_cidrs   = ["0.0.0.0/0"]
      public          = true
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    }
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = strcontains(local.environment, "MEDIAD_HTTP_HOST=0.0.0.0\n") && !strcontains(local.environment, "MEDIAD_HTTP_AUTHORIZE")
    error_message = "behind a public load balancer, daemons do not start without http.authorize"
  }
}

run "fleet_without" {
  variables {
    load_balancer = null
  }

  module {
    source = "./modules/fleet"
  }

  assert {
    condition     = length(module.endpoint) == 0 && output.endpoint_url == null && length(aws_autoscaling_group.daemons.target_group_arns) == 0 && !strcontains(local.environment, "MEDIAD_HTTP")
    error_message = "by default there is no load balancer, and daemons listen on the loopback interface"
  }
}

run "ecs" {
  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = jsonencode([for balancer in aws_ecs_service.daemons.load_balancer : [balancer.target_group_arn, balancer.container_name, balancer.container_port]]) == jsonencode([[module.endpoint[0].target_group_arn, "mediad", 8080]])
    error_message = "the service registers its tasks"
  }

  assert {
    condition     = aws_ecs_service.daemons.health_check_grace_period_seconds == 2147483647
    error_message = "tasks that are not ready are not replaced"
  }

  assert {
    condition = alltrue([for container in jsondecode(aws_ecs_task_definition.daemon.container_definitions) :
      jsonencode(container.portMappings) == jsonencode([{ containerPort = 8080, protocol = "tcp" }])
      && contains(container.environment, { name = "MEDIAD_HTTP_HOST", value = "0.0.0.0" })
      && contains(container.environment, { name = "MEDIAD_HTTP_PORT", value = "8080" })
    ])
    error_message = "the container listens on the port of the target group"
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.daemon.container_definitions) : contains(container.environment, { name = "MEDIAD_HTTP_AUTHORIZE", value = "none" })])
    error_message = "the networks of an internal load balancer are its authorization"
  }
}

run "ecs_public" {
  variables {
    load_balancer = {
      subnet_ids      = ["subnet-1", "subnet-2"]
      allowed_cidrs   = ["0.0.0.0/0"]
      public          = true
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
    }
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.daemon.container_definitions) : !contains(container.environment[*].name, "MEDIAD_HTTP_AUTHORIZE")])
    error_message = "behind a public load balancer, daemons do not start without http.authorize"
  }
}

run "ecs_without" {
  variables {
    load_balancer = null
  }

  module {
    source = "./modules/ecs"
  }

  assert {
    condition     = length(module.endpoint) == 0 && output.endpoint_url == null && length(aws_ecs_service.daemons.load_balancer) == 0 && jsondecode(aws_ecs_task_definition.daemon.container_definitions)[0].portMappings == []
    error_message = "by default there is no load balancer"
  }
}
