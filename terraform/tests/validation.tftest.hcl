# Each validation of the root module has a run that violates it.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "name" {
  command = plan

  variables {
    name = "Mediad"
  }

  expect_failures = [var.name]
}

run "bucket_name" {
  command = plan

  variables {
    bucket_name = "arn:aws:s3:::my-media"
  }

  expect_failures = [var.bucket_name]
}

run "source_prefix" {
  command = plan

  variables {
    source_prefix = "*"
  }

  expect_failures = [var.source_prefix]
}

run "state_prefix" {
  command = plan

  variables {
    state_prefix = "origin_state/"
  }

  expect_failures = [var.state_prefix]
}

run "output_prefixes" {
  command = plan

  variables {
    output_prefixes = ["origin_results/"]
  }

  expect_failures = [var.output_prefixes]
}

run "output_prefixes_2" {
  command = plan

  variables {
    output_prefixes = ["*"]
  }

  expect_failures = [var.output_prefixes]
}

run "output_prefixes_3" {
  command = plan

  variables {
    output_prefixes = []
  }

  expect_failures = [var.output_prefixes]
}

run "force_destroy" {
  command = plan

  variables {
    create_bucket = false
    force_destroy = true
  }

  expect_failures = [var.force_destroy]
}

run "source_expiration_days" {
  command = plan

  variables {
    source_expiration_days = 7
    retention_days         = 7
  }

  expect_failures = [var.source_expiration_days]
}

run "state_expiration_days" {
  command = plan

  variables {
    state_expiration_days = 14
  }

  expect_failures = [var.state_expiration_days]
}

run "cors_origins" {
  command = plan

  variables {
    cors_origins = ["https://app.example.com/path"]
  }

  expect_failures = [var.cors_origins]
}

run "kms_key_arn" {
  command = plan

  variables {
    kms_key_arn = "alias/media"
  }

  expect_failures = [var.kms_key_arn]
}

run "retention_days" {
  command = plan

  variables {
    retention_days = 15
  }

  expect_failures = [var.retention_days]
}

run "retention_days_2" {
  command = plan

  variables {
    retention_days = 0
  }

  expect_failures = [var.retention_days]
}

run "alarm_oldest_seconds" {
  command = plan

  variables {
    alarm_oldest_seconds = 30
  }

  expect_failures = [var.alarm_oldest_seconds]
}

run "alarm_silence_minutes" {
  command = plan

  variables {
    alarm_silence_minutes = 1
  }

  expect_failures = [var.alarm_silence_minutes]
}

run "state_prefix_2" {
  command = plan

  variables {
    state_prefix = "state*"
  }

  expect_failures = [var.state_prefix]
}
