# The bridge signs links and reads manifests. It is the signer: a link can do what the role of its signer can, so this
# role can read the files of exports and nothing else. It lists, writes and deletes nothing.

data "aws_iam_policy_document" "bridge" {
  statement {
    sid       = "ReadExports"
    actions   = ["s3:GetObject"]
    resources = ["${var.exports_bucket_arn}/exports/*"]
  }

  statement {
    sid       = "DecryptExports"
    actions   = ["kms:Decrypt"]
    resources = [var.exports_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}
