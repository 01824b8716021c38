Feature: Registration over time
  Campaign managers see when fans came, how far they got, and where the servers were short.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Every hour from opening to closing, and what happened afterwards
    When planning asks for "registration-timeline" with
      | format | jsonl |
    And the export is made
    # 157 hours of three markets, TOTAL and UNKNOWN; and a withdrawal two days after the closing.
    Then the file holds 787 rows

  Scenario: The hour in which the clocks went forward
    When planning asks for "registration-timeline" with
      | from   | 2026-03-08 |
      | to     | 2026-03-08 |
      | bucket | 15m        |
    And the export is made
    Then the file holds 480 rows
    And "2026-03-08 01:45:00" is among "bucket_start"
    And "2026-03-08 02:00:00" is not among "bucket_start"
    And "2026-03-08 03:00:00" is among "bucket_start"

  Scenario: A session of two markets is one session
    When planning asks for "registration-timeline" with
      | from   | 2026-03-03 |
      | to     | 2026-03-03 |
      | bucket | day        |
    And the export is made
    Then "market_key" runs through "TOTAL, UNKNOWN, los-angeles-ca, new-york-ny, vancouver-bc"
    And "sessions" runs through "3, 1, 0, 2, 1"
    And the row with the "market_key" "TOTAL" says
      | started            | 3    |
      | submitted          | 2    |
      | verified_phone     | 1    |
      | completed          | 2    |
      | completion_pct     | 66.7 |
      | withdrawn          | 0    |
      | cumulative_entries | 52   |

  Scenario: People elsewhere read their own clock
    When planning asks for "registration-timeline" with
      | from   | 2026-03-12   |
      | to     | 2026-03-12   |
      | bucket | day          |
      | zone   | Asia/Kolkata |
    And the export is made
    Then the row with the "market_key" "TOTAL" says
      | bucket_start_utc | 2026-03-12T00:00:00Z |
      | bucket_start     | 2026-03-12 05:30:00  |
      | utc_offset       | +05:30               |
      | withdrawn        | 1                    |

  Scenario: A zone that there is not
    When planning asks for "registration-timeline" with
      | zone | Moon/Tranquility |
    Then it is refused because of "UNKNOWN_TIME_ZONE"
