# Two databases, their tables, and the workgroup through which alone they are read.

resource "aws_glue_catalog_database" "this" {
  for_each = local.databases

  name        = each.value
  description = "Event lake of fan registration."
}

resource "aws_glue_catalog_table" "this" {
  for_each = local.tables

  name          = each.key
  database_name = aws_glue_catalog_database.this[each.value.database].name
  table_type    = "EXTERNAL_TABLE"

  # Partitions are worked out, never registered: a day needs no crawler. `injected` means that a query must name the
  # campaign, else it is refused before it reads a byte.
  parameters = merge(
    {
      EXTERNAL                    = "TRUE"
      "parquet.compression"       = "SNAPPY"
      "projection.enabled"        = "true"
      "projection.dt.type"        = "date"
      "projection.dt.format"      = "yyyy-MM-dd"
      "projection.dt.range"       = "2016-01-01,NOW"
      "storage.location.template" = "${local.locations[each.key]}${each.value.injected ? "campaign_id=$${campaign_id}/" : ""}dt=$${dt}/"
    },
    each.value.injected ? { "projection.campaign_id.type" = "injected" } : {},
  )

  storage_descriptor {
    location      = local.locations[each.key]
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name = split(" ", columns.value)[0]
        type = split(" ", columns.value)[1]
      }
    }
  }

  dynamic "partition_keys" {
    for_each = each.value.injected ? ["campaign_id string", "dt date"] : ["dt date"]

    content {
      name = split(" ", partition_keys.value)[0]
      type = split(" ", partition_keys.value)[1]
    }
  }
}

resource "aws_athena_workgroup" "this" {
  name        = var.name
  description = "Queries of exports."

  configuration {
    # What a client says about results, encryption or the cut-off does not count.
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.bytes_scanned_cutoff

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = var.results_location

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.results_key_arn
      }
    }
  }
}

locals {
  locations = { for name, table in local.tables : name => "s3://${var.lake_bucket}/${table.database}/${name}/" }
}
