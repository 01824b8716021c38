# What no role can allow: these statements deny, whoever asks.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # The bucket's default names our key; a request may not name another one.
  statement {
    sid       = "OurKeyOnly"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringNotEquals"
      variable = "s3:x-amz-server-side-encryption-aws-kms-key-id"
      values   = [aws_kms_key.this.arn]
    }

    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption-aws-kms-key-id"
      values   = ["false"]
    }
  }

  # A link, like any signed request, is worth nothing after this, whatever its own expiry says (RELIABILITY S12).
  dynamic "statement" {
    for_each = var.max_signature_seconds == null ? [] : [var.max_signature_seconds]

    content {
      sid       = "YoungSignaturesOnly"
      effect    = "Deny"
      actions   = ["s3:GetObject"]
      resources = ["${aws_s3_bucket.this.arn}/*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "NumericGreaterThan"
        variable = "s3:signatureAge"
        values   = [tostring(statement.value * 1000)]
      }
    }
  }

  # An object is made once: a zombie cannot replace what a later attempt has stored. Parts of an upload are not
  # creations, so only the put and the completion need the header.
  dynamic "statement" {
    for_each = length(var.write_once_prefixes) == 0 ? [] : [var.write_once_prefixes]

    content {
      sid       = "WriteOnce"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = [for prefix in statement.value : "${aws_s3_bucket.this.arn}/${prefix}*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "Null"
        variable = "s3:if-none-match"
        values   = ["true"]
      }

      condition {
        test     = "Bool"
        variable = "s3:ObjectCreationOperation"
        values   = ["true"]
      }
    }
  }
}

# In the policy of a key "*" is the key itself. The account may administer it; who may use it is said by the roles.
data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}
