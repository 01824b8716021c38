Feature: The day's figures
  One row a campaign, every morning.

  Scenario: Three campaigns, one without a single entry
    Given the day "2026-03-20"
    When management asks for "campaign-summary"
    And the export is made
    Then "campaign_key" runs through "aurora-lights-2026, boreal-nights-2025, comet-club-2026"
    And "entries_total" runs through "60, 4, 0"
    And the row with the "campaign_key" "aurora-lights-2026" says
      | entries_new    | 1  |
      | codes_redeemed | 2  |
      | days_to_onsale | -4 |

  Scenario: A job that ran twice counts once
    Given the day "2026-03-19"
    When management asks for "campaign-summary"
    And the export is made
    Then "entries_total" runs through "59, 4, 0"

  Scenario: A day that has not come
    Given the day "2026-03-21"
    When management asks for "campaign-summary"
    Then it is refused because of "UNKNOWN_DAY"
