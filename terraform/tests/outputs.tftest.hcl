mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "env" {
  assert {
    condition = jsonencode(output.env) == jsonencode({
      MEDIAD_BUCKET                = "my-media"
      MEDIAD_DEAD_QUEUE_URL        = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-dead"
      MEDIAD_IN_PROGRESS_QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-in-progress"
      MEDIAD_WORK_QUEUE_URL        = "https://sqs.eu-central-1.amazonaws.com/123456789012/mediad-work"
    })
    error_message = "env has the bucket and each queue under its own name"
  }

  assert {
    condition     = output.region == "eu-central-1"
    error_message = "the region is an output"
  }
}

run "queues" {
  assert {
    condition     = jsonencode([for key in ["work", "in_progress", "dead"] : [output.queues[key].name, output.queues[key].arn]]) == jsonencode([for name in ["work", "in-progress", "dead"] : ["mediad-${name}", "arn:aws:sqs:eu-central-1:123456789012:mediad-${name}"]])
    error_message = "queues has each queue under its own key"
  }
}
