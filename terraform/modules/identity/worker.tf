# A run makes the files of one export: it reads the lake through one workgroup, writes to the exports bucket, and brings
# files to promoters and scoring providers.

data "aws_iam_policy_document" "worker" {
  # DeleteObject: a killed attempt leaves objects, and the next one that succeeds sweeps them (DESIGN 3, rule 5). S3
  # cannot tell attempts apart; the token in the prefix does. ListMultipartUploadParts: what it had sent of a large file
  # the next one goes on with, once it has seen that it is there.
  statement {
    sid = "MakeExports"
    actions = [
      "s3:PutObject",
      "s3:GetObject",
      "s3:DeleteObject",
      "s3:AbortMultipartUpload",
      "s3:ListMultipartUploadParts",
    ]
    resources = ["${var.exports_bucket_arn}/exports/*"]
  }

  # A promoter's file is never taken back.
  statement {
    sid       = "BringToPromoters"
    actions   = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
    resources = ["${var.exports_bucket_arn}/promoters/*"]
  }

  # Without a condition on the prefix: whether an object is there is asked by HEAD, which carries none, and S3 answers
  # 403 instead of 404 to whoever may not list.
  statement {
    sid     = "FindObjects"
    actions = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [
      var.exports_bucket_arn,
      var.scoring_bucket_arn,
      var.vf_scoring_bucket_arn,
    ]
  }

  statement {
    sid     = "SendToScoring"
    actions = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
    resources = [
      "${var.scoring_bucket_arn}/input/v1/*",
      "${var.vf_scoring_bucket_arn}/verified-fan/*",
    ]
  }

  statement {
    sid       = "ReadScores"
    actions   = ["s3:GetObject"]
    resources = ["${var.scoring_bucket_arn}/output/v1/*"]
  }

  statement {
    sid = "Query"
    actions = [
      "athena:StartQueryExecution",
      "athena:StopQueryExecution",
      "athena:GetQueryExecution",
      "athena:GetQueryResults",
      "athena:GetQueryRuntimeStatistics",
    ]
    resources = [var.workgroup_arn]
  }

  # From here to the results: what Athena does in the name of whoever asks.
  statement {
    sid     = "ReadTables"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetPartition", "glue:GetPartitions"]
    resources = concat(
      ["${local.catalog}:catalog"],
      [for database in var.databases : "${local.catalog}:database/${database}"],
      [for database in var.databases : "${local.catalog}:table/${database}/*"],
    )
  }

  statement {
    sid       = "ReadLake"
    actions   = ["s3:GetObject"]
    resources = [for database in var.databases : "${var.lake_bucket_arn}/${database}/*"]
  }

  statement {
    sid       = "FindInLakeAndResults"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [var.lake_bucket_arn, var.results_bucket_arn]
  }

  statement {
    sid = "WriteAndReadResults"
    actions = [
      "s3:PutObject",
      "s3:GetObject",
      "s3:AbortMultipartUpload",
      "s3:ListMultipartUploadParts",
    ]
    resources = ["${var.results_bucket_arn}/results/*"]
  }

  statement {
    sid       = "WriteComputeLogs"
    actions   = ["s3:PutObject"]
    resources = ["${var.logs_bucket_arn}/dagster/*"]
  }

  # Decrypt as well: S3 needs it to complete an upload in parts.
  statement {
    sid     = "EncryptAndDecrypt"
    actions = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [
      var.exports_key_arn,
      var.scoring_key_arn,
      var.vf_scoring_key_arn,
      var.results_key_arn,
      var.logs_key_arn,
    ]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "DecryptLake"
    actions   = ["kms:Decrypt"]
    resources = [var.lake_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}
