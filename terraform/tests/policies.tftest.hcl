mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  bucket_name = "my-media"
}

run "daemon" {
  assert {
    condition = jsonencode(jsondecode(aws_iam_policy.daemon.policy)) == jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "DetectMissingObjects"
          Effect   = "Allow"
          Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
          Resource = "arn:aws:s3:::my-media"
        },
        {
          Sid    = "ReadSourcesAndWriteOutputs"
          Effect = "Allow"
          Action = ["s3:GetObject", "s3:PutObject"]
          Resource = [
            "arn:aws:s3:::my-media/origin_*",
            "arn:aws:s3:::my-media/.mediad/*",
            "arn:aws:s3:::my-media/cvted_*",
            "arn:aws:s3:::my-media/thumb_*",
          ]
        },
        {
          Sid      = "AbortMultipartUploads"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload"]
          Resource = ["arn:aws:s3:::my-media/cvted_*", "arn:aws:s3:::my-media/thumb_*"]
        },
        {
          Sid      = "EndUploadsOfClients"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
          Resource = "arn:aws:s3:::my-media/origin_*"
        },
        {
          Sid      = "RemoveSelfTestObjects"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject"]
          Resource = "arn:aws:s3:::my-media/.mediad/selftest/*"
        },
        {
          Sid      = "ReceiveJobs"
          Effect   = "Allow"
          Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
          Resource = ["arn:aws:sqs:eu-central-1:123456789012:mediad-work", "arn:aws:sqs:eu-central-1:123456789012:mediad-in-progress"]
        },
        {
          Sid      = "DeadLetterJobs"
          Effect   = "Allow"
          Action   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
          Resource = "arn:aws:sqs:eu-central-1:123456789012:mediad-dead"
        },
      ]
    })
    error_message = "a daemon has exactly these permissions"
  }
}

run "uploader" {
  assert {
    condition = jsonencode(jsondecode(aws_iam_policy.uploader.policy)) == jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Sid      = "SignUploads"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = "arn:aws:s3:::my-media/origin_*"
      }]
    })
    error_message = "an uploader can only put sources"
  }
}

run "operator" {
  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_policy.operator.policy).Statement : [statement.Effect, statement.Action, statement.Resource]]) == jsonencode([
      ["Allow", ["s3:ListBucket"], "arn:aws:s3:::my-media"],
      ["Allow", ["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::my-media/.mediad/jobs/*"],
      ["Allow", ["s3:GetObject"], "arn:aws:s3:::my-media/origin_*"],
      ["Allow", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"], "arn:aws:sqs:eu-central-1:123456789012:mediad-dead"],
      ["Allow", ["sqs:SendMessage"], "arn:aws:sqs:eu-central-1:123456789012:mediad-work"],
    ])
    error_message = "an operator can read and mark jobs, read sources and dead-letter messages, and redrive or drop the messages"
  }
}

run "prefixes_and_key" {
  variables {
    source_prefix   = "uploads/"
    state_prefix    = "state/"
    output_prefixes = ["videos/"]
    kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/abcd"
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_iam_policy.daemon.policy).Statement : statement.Resource if startswith(flatten([statement.Action])[0], "s3:")]) == jsonencode([
      "arn:aws:s3:::my-media",
      ["arn:aws:s3:::my-media/uploads/*", "arn:aws:s3:::my-media/state/*", "arn:aws:s3:::my-media/videos/*"],
      ["arn:aws:s3:::my-media/videos/*"],
      "arn:aws:s3:::my-media/uploads/*",
      "arn:aws:s3:::my-media/state/selftest/*",
    ])
    error_message = "the prefixes are the given ones"
  }

  assert {
    condition = jsonencode([for policy in [aws_iam_policy.daemon, aws_iam_policy.uploader, aws_iam_policy.operator] : reverse(jsondecode(policy.policy).Statement)[0]]) == jsonencode([
      { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "arn:aws:kms:eu-central-1:123456789012:key/abcd" },
      { Sid = "UseKey", Effect = "Allow", Action = ["kms:GenerateDataKey"], Resource = "arn:aws:kms:eu-central-1:123456789012:key/abcd" },
      { Sid = "UseKey", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "arn:aws:kms:eu-central-1:123456789012:key/abcd" },
    ])
    error_message = "each policy permits the use of the key for its purpose"
  }
}

run "whole_bucket" {
  variables {
    output_prefixes = [""]
  }

  assert {
    condition = jsonencode({ for statement in jsondecode(aws_iam_policy.daemon.policy).Statement : statement.Sid => statement.Action if contains(flatten([statement.Resource]), "arn:aws:s3:::my-media/*") }) == jsonencode({
      ReadSourcesAndWriteOutputs = ["s3:GetObject", "s3:PutObject"]
      AbortMultipartUploads      = ["s3:AbortMultipartUpload"]
    })
    error_message = "an empty prefix permits only reads, writes and aborts of uploads in the whole bucket"
  }
}
