# The tables of the event lake: what the exports read, as the code declares it (DOMAIN.md 3; a test compares). The files are
# written by others.

locals {
  databases = toset([for table in local.tables : table.database])

  tables = {
    codes_assigned = {
      database = "fan_events"
      injected = true
      columns = [
        "event_id string",
        "code_id string",
        "entry_id string",
        "user_id string",
        "market_key string",
        "host_event_id string",
        "code_config_key string",
        "wave int",
        "seq int",
        "state string",
        "channel string",
        "assigned_at timestamp",
        "valid_from timestamp",
        "valid_until timestamp",
      ]
    }

    code_redemptions = {
      database = "fan_events"
      injected = true
      columns = [
        "redemption_id string",
        "code_id string",
        "account_id string",
        "host_event_id string",
        "redeemed_at timestamp",
        "result string",
        "order_id string",
        "tickets int",
      ]
    }

    ticket_orders = {
      database = "fan_events"
      injected = true
      columns = [
        "order_id string",
        "account_id string",
        "host_event_id string",
        "market_key string",
        "ordered_at timestamp",
        "tickets int",
        "gross_amount decimal(12,2)",
        "currency string",
        "used_code boolean",
        "status string",
        "resale_listed boolean",
      ]
    }

    queue_visits = {
      database = "fan_events"
      injected = true
      columns = [
        "visit_id string",
        "account_id string",
        "market_key string",
        "joined_at timestamp",
        "admitted_at timestamp",
        "outcome string",
      ]
    }

    registration_events = {
      database = "fan_events"
      injected = true
      columns = [
        "event_id string",
        "session_id string",
        "entry_id string",
        "step string",
        "market_keys array<string>",
        "occurred_at timestamp",
        "country string",
        "device_class string",
        "referrer string",
      ]
    }

    email_events = {
      database = "fan_events"
      injected = true
      columns = [
        "event_id string",
        "subscriber_key string",
        "entry_id string",
        "message_kind string",
        "job_id string",
        "event_type string",
        "occurred_at timestamp",
        "bounce_class string",
        "url_label string",
      ]
    }

    sms_events = {
      database = "fan_events"
      injected = true
      columns = [
        "event_id string",
        "entry_id string",
        "message_kind string",
        "event_type string",
        "occurred_at timestamp",
        "carrier string",
        "error_code string",
      ]
    }

    consent_events = {
      database = "fan_events"
      injected = true
      columns = [
        "evidence_id string",
        "entry_id string",
        "user_id string",
        "consent_key string",
        "promoter_id string",
        "action string",
        "text_version string",
        "locale string",
        "occurred_at timestamp",
        "source string",
        "ip_country string",
      ]
    }

    boost_events = {
      database = "fan_events"
      injected = true
      columns = [
        "event_id string",
        "entry_id string",
        "boost_key string",
        "points int",
        "occurred_at timestamp",
        "accepted boolean",
        "reject_reason string",
      ]
    }

    erasure_ledger = {
      database = "fan_events"
      injected = false
      columns = [
        "user_id string",
        "email_sha256 string",
        "requested_at timestamp",
        "completed_at timestamp",
        "scope string",
      ]
    }

    campaign_daily = {
      database = "fan_events"
      injected = false
      columns = [
        "campaign_id string",
        "entries int",
        "verified int",
        "rejected int",
        "selected int",
        "waitlisted int",
        "codes_issued int",
        "codes_redeemed int",
        "tickets int",
        "opt_ins int",
        "unsubscribes int",
      ]
    }

    entry_scores = {
      database = "fan_scoring"
      injected = true
      columns = [
        "run_id string",
        "entry_id string",
        "score double",
        "band string",
        "model_version string",
        "reasons array<string>",
        "scored_at timestamp",
      ]
    }

    vf_scores = {
      database = "fan_scoring"
      injected = true
      columns = [
        "run_id string",
        "account_id string",
        "vf_score double",
        "vf_tier string",
        "is_person_prob double",
        "attend_prob double",
        "resale_prob double",
        "device_cluster string",
        "reasons array<string>",
        "scored_at timestamp",
      ]
    }
  }
}
