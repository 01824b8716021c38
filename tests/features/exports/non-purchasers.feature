Feature: Invited and did not buy
  Those who were invited and did not buy get a second chance.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Five of the nine invited bought nothing anywhere
    When lifecycle asks for "non-purchasers" with
      | deliver | ["sfmc"] |
    And the export is made
    Then 5 rows were delivered to "SecondChance"
    And "redeemed@example.com" is not among "EmailAddress"
    And the row with the "EmailAddress" "codesent@example.com" says
      | QueueOutcome     | admitted |
      | RedemptionFailed | true     |
      | BoostPoints      | 40       |

  Scenario: Only those with points
    When lifecycle asks for "non-purchasers" with
      | boosted_only | true |
    And the export is made
    Then "EmailAddress" runs through "codesent@example.com, selected@example.com"

  Scenario: Orders that are still on their way are waited for
    When lifecycle asks for "non-purchasers" with
      | freshness_hours | 168 |
    And the export is made
    Then it fails with "ORDERS_NOT_FRESH"

  Scenario: An address that bounced for another account is not written to
    Given another account with "selected@example.com", which bounced
    When lifecycle asks for "non-purchasers"
    And the export is made
    Then "selected@example.com" is not among "EmailAddress"
    And the manifest counts 1 row as "address_suppressed"
