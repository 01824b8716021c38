Feature: Whom nobody may write to
  Every day, what was learned that day: opt-outs, bounces, complaints, withdrawals, erasures.

  Scenario: A quiet day is an empty file, not a failure
    Given the day "2026-01-15"
    When privacy asks for "suppression"
    And the export is made
    Then the file holds 0 rows

  Scenario: Since the beginning of the year, to the data extension of the business unit
    Given the day "2026-03-20"
    When privacy asks for "suppression" with
      | since   | 2026-01-01 |
      | deliver | ["sfmc"]   |
    And the export is made
    Then every row was delivered to "Suppression"
    And the row with the "EmailAddress" "cy.fan@example.net" says
      | Reason  | withdrawn |
      | Channel | both      |
    And the row with the "EmailAddress" "eve.o@example.com" says
      | Reason      | promoter_withdrawal |
      | PromoterKey | northlake           |

  Scenario: Advertisers get hashes only
    Given the day "2026-03-20"
    When privacy asks for "suppression" with
      | since  | 2026-01-01 |
      | target | ad         |
    And the export is made
    Then "ccc66611be48d4f1848cd05e853c6dfe20683178b0024a5c96b3a456c14b33c5" is among "email_sha256"
    And there is no column "EmailAddress"
    And there is no column "SubscriberKey"
    And "promoter_withdrawal" is not among "Reason"

  Scenario: A range that ends before it begins
    Given the day "2026-03-20"
    When privacy asks for "suppression" with
      | since | 2026-03-21 |
    Then it is refused because of "OPTIONS_CONFLICT"
