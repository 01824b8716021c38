# The code server evaluates the sensors, housekeeping among them: it is the reaper. It deletes what exports left and
# cannot read what it deletes.

data "aws_iam_policy_document" "code" {
  statement {
    sid       = "FindWhatIsLeft"
    actions   = ["s3:ListBucket"]
    resources = [var.exports_bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["exports/*"]
    }
  }

  # S3 knows no condition on the prefix for this one; it tells keys, which are made of ids.
  statement {
    sid       = "FindUnfinishedUploads"
    actions   = ["s3:ListBucketMultipartUploads"]
    resources = [var.exports_bucket_arn]
  }

  statement {
    sid       = "RemoveExports"
    actions   = ["s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${var.exports_bucket_arn}/exports/*"]
  }

  # What sensors log becomes an object.
  statement {
    sid       = "WriteComputeLogs"
    actions   = ["s3:PutObject"]
    resources = ["${var.logs_bucket_arn}/dagster/*"]
  }

  statement {
    sid       = "EncryptComputeLogs"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [var.logs_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}
