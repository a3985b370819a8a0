# Each validation of the modules has a run that violates it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  env               = { MEDIAD_BUCKET = "my-media" }
  queues            = { work = { name = "mediad-work" }, in_progress = { name = "mediad-in-progress" } }
  daemon_policy_arn = "arn:aws:iam::123456789012:policy/mediad-daemon"
  package           = "mediad@0.1.0"
  config            = "export default defineConfig({ shutdown: { metadataUrl } })"
  image             = "registry.example.com/mediad:0.1.0"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1"]
}

run "fleet_name" {
  command = plan

  variables {
    name = "-"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.name]
}

run "fleet_env" {
  command = plan

  variables {
    env = { MEDIAD_BUCKET = "a b" }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.env]
}

run "fleet_package" {
  command = plan

  variables {
    package = "mediad"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.package]
}

run "fleet_package_2" {
  command = plan

  variables {
    package = "mediad@0.1.0; reboot"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.package]
}

run "fleet_config" {
  command = plan

  variables {
    config = "{}"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.config]
}

run "fleet_grace_seconds" {
  command = plan

  variables {
    grace_seconds = 110
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.grace_seconds]
}

run "fleet_grace_seconds_2" {
  command = plan

  variables {
    on_demand_percentage = 100
    grace_seconds        = 3601
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.grace_seconds]
}

run "fleet_node_version" {
  command = plan

  variables {
    node_version = "20.11.0"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.node_version]
}

run "fleet_subnet_ids" {
  command = plan

  variables {
    subnet_ids = []
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.subnet_ids]
}

run "fleet_instance_types" {
  command = plan

  variables {
    instance_types = []
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.instance_types]
}

run "fleet_architecture" {
  command = plan

  variables {
    architecture = "amd64"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.architecture]
}

run "fleet_ami_id" {
  command = plan

  variables {
    ami_id = "debian"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.ami_id]
}

run "fleet_ami_id_2" {
  command = plan

  variables {
    gpu = true
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.ami_id]
}

run "fleet_disk_gib" {
  command = plan

  variables {
    disk_gib = 4
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.disk_gib]
}

run "fleet_on_demand_base" {
  command = plan

  variables {
    on_demand_base = -1
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.on_demand_base]
}

run "fleet_on_demand_percentage" {
  command = plan

  variables {
    on_demand_percentage = 101
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.on_demand_percentage]
}

run "fleet_min_size" {
  command = plan

  variables {
    min_size = 5
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.min_size]
}

run "fleet_max_size" {
  command = plan

  variables {
    max_size = 0
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.max_size]
}

run "fleet_jobs_per_instance" {
  command = plan

  variables {
    jobs_per_instance = 0
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.jobs_per_instance]
}

run "fleet_idle_minutes" {
  command = plan

  variables {
    min_size     = 1
    idle_minutes = 1
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.idle_minutes]
}

run "fleet_warmup_seconds" {
  command = plan

  variables {
    warmup_seconds = -1
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.warmup_seconds]
}

run "ecs_name" {
  command = plan

  variables {
    name = "A"
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.name]
}

run "ecs_image" {
  command = plan

  variables {
    image = "mediad"
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.image]
}

run "ecs_grace_seconds" {
  command = plan

  variables {
    grace_seconds = 100
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.grace_seconds]
}

run "ecs_cpu" {
  command = plan

  variables {
    cpu = 1000
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.cpu]
}

run "ecs_memory_mib" {
  command = plan

  variables {
    memory_mib = 2048
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.memory_mib]
}

run "ecs_disk_gib" {
  command = plan

  variables {
    disk_gib = 20
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.disk_gib]
}

run "ecs_architecture" {
  command = plan

  variables {
    architecture = "arm64"
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.architecture]
}

run "ecs_log_retention_days" {
  command = plan

  variables {
    log_retention_days = 2
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.log_retention_days]
}

run "ecs_subnet_ids" {
  command = plan

  variables {
    subnet_ids = []
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.subnet_ids]
}

run "ecs_min_tasks" {
  command = plan

  variables {
    min_tasks = 5
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.min_tasks]
}

run "ecs_max_tasks" {
  command = plan

  variables {
    max_tasks = 0
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.max_tasks]
}

run "ecs_jobs_per_task" {
  command = plan

  variables {
    jobs_per_task = 0
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.jobs_per_task]
}

run "ecs_idle_minutes" {
  command = plan

  variables {
    min_tasks    = 1
    idle_minutes = 1
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.idle_minutes]
}

run "fleet_idle_minutes_2" {
  command = plan

  variables {
    idle_minutes = 15
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.idle_minutes]
}

run "ecs_idle_minutes_2" {
  command = plan

  variables {
    idle_minutes = 15
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.idle_minutes]
}

run "fleet_config_2" {
  command = plan

  variables {
    config = "export default defineConfig({ shutdown: { graceSeconds: 90 } })"
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.config]
}

run "fleet_config_3" {
  command = plan

  variables {
    config = format("export default defineConfig({ shutdown: { metadataUrl } }) // %s", join("", [for _ in range(1000) : "äöüßéè"]))
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.config]
}

run "ecs_memory_mib_2" {
  command = plan

  variables {
    cpu        = 4096
    memory_mib = 4096
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.memory_mib]
}

run "ecs_memory_mib_3" {
  command = plan

  variables {
    cpu        = 4096
    memory_mib = 32768
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.memory_mib]
}

run "ecs_memory_mib_4" {
  command = plan

  variables {
    cpu        = 8192
    memory_mib = 18432
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.memory_mib]
}

run "ecs_memory_mib_5" {
  command = plan

  variables {
    cpu        = 16384
    memory_mib = 8192
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.memory_mib]
}

run "fleet_application" {
  command = plan

  variables {
    application = { s3 = { bucket = "my-releases", key = "app.tgz" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_2" {
  command = plan

  variables {
    package = null
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_3" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { s3 = { bucket = "my.releases", key = "app.tgz" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_4" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { s3 = { bucket = "my-releases", key = "a'b.tgz" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_5" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { s3 = { bucket = "my-releases", key = "app.tgz", sha256 = "abc" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_6" {
  command = plan

  variables {
    package = null
    config  = null
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_7" {
  command = plan

  variables {
    package     = null
    config      = null
    application = {}
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_8" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { s3 = { bucket = "my-releases", key = "app.tgz" }, npm = { package = "media@1.2.0" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_9" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { npm = { package = "media@latest" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_10" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { npm = { package = "media@1.2.0", registry = "http://npm.example.com/" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_11" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { npm = { package = "media@1.2.0", registry = "https://npm.example.com" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_12" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { npm = { package = "media@1.2.0", token_parameter = "a'b" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_13" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { npm = { package = "media@1.2.0", registry = "https://NPM.example.com/" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_application_14" {
  command = plan

  variables {
    package     = null
    config      = null
    application = { npm = { package = "media@1.2.0", registry = "https://npm.example.com:443/" } }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.application]
}

run "fleet_load_balancer" {
  command = plan

  variables {
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-1"], allowed_cidrs = ["10.0.0.0/16"] }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_2" {
  command = plan

  variables {
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = [] }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_3" {
  command = plan

  variables {
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], public = true }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_4" {
  command = plan

  variables {
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], certificate_arn = "arn:aws:iam::123456789012:server-certificate/own" }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_5" {
  command = plan

  variables {
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], port = 80 }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_6" {
  command = plan

  variables {
    min_size      = 0
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"] }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_7" {
  command = plan

  variables {
    name          = "a-name-of-thirty-three-characters"
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"] }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_load_balancer_8" {
  command = plan

  variables {
    min_size      = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["anywhere"] }
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer" {
  command = plan

  variables {
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-1"], allowed_cidrs = ["10.0.0.0/16"] }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_2" {
  command = plan

  variables {
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = [] }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_3" {
  command = plan

  variables {
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], public = true }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_4" {
  command = plan

  variables {
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], certificate_arn = "arn:aws:iam::123456789012:server-certificate/own" }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_5" {
  command = plan

  variables {
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"], port = 80 }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_6" {
  command = plan

  variables {
    min_tasks     = 0
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"] }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_7" {
  command = plan

  variables {
    name          = "a-name-of-thirty-three-characters"
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["10.0.0.0/16"] }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "ecs_load_balancer_8" {
  command = plan

  variables {
    min_tasks     = 1
    load_balancer = { subnet_ids = ["subnet-1", "subnet-2"], allowed_cidrs = ["anywhere"] }
  }

  module {
    source = "./modules/ecs"
  }

  expect_failures = [var.load_balancer]
}

run "fleet_log_retention_days" {
  command = plan

  variables {
    log_retention_days = 2
  }

  module {
    source = "./modules/fleet"
  }

  expect_failures = [var.log_retention_days]
}
