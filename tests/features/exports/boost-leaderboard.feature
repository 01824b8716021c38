Feature: The boost leaderboard
  Who did most for a campaign, and whether it adds up.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Equal points share a place, and who had them first stands first
    When marketing asks for "boost-leaderboard"
    And the export is made
    Then "rank" runs through "1, 2, 2, 3"
    And "points" runs through "60, 40, 40, 30"
    And "entry_id" runs through "66510000000000000000e00c, 66510000000000000000e001, 66510000000000000000e010, 66510000000000000000e00e"
    And the row with the "entry_id" "66510000000000000000e001" says
      | boost_share_count | 2                    |
      | referral_signups  | 1                    |
      | rejected_events   | 1                    |
      | last_activity_utc | 2026-03-05T09:00:00Z |

  Scenario: Points that the ledger does not come to, and referrals that go in circles, are said
    When fraud asks for "boost-leaderboard"
    And the export is made
    Then it was noted that
      | mismatch           | 1 |
      | beyond_daily_cap   | 1 |
      | referral_loop      | 2 |
      | referrer_withdrawn | 1 |
    And the row with the "entry_id" "66510000000000000000e00e" says
      | referral_signups | 0 |

  Scenario: The first rows only
    When marketing asks for "boost-leaderboard" with
      | top_n | 1 |
    And the export is made
    Then the file holds 1 row

  Scenario: Refused activities are for those who may see scores
    Given a caller without the scope "scores:read"
    When marketing asks for "boost-leaderboard"
    And the export is made
    Then there is no column "rejected_events"
