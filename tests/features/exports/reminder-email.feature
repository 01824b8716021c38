Feature: The reminder by e-mail
  Marketing writes to those who registered: the sale is tomorrow, the result is there.

  Scenario: Those invited are reminded of the sale, in the time of their market
    Given the campaign "Aurora Lights"
    When marketing asks for "reminder-email" with
      | reminder_kind | onsale_tomorrow |
      | deliver       | ["sfmc"]        |
    And the export is made
    Then 8 rows were delivered to "ReminderAudience"
    And the row with the "EmailAddress" "letin@example.com" says
      | MarketName       | Vancouver                |
      | PresaleStartText | March 13, 2026, 10:00 AM |
      | TimeZoneAbbr     | PDT                      |
      | HasCode          | true                     |
    And "old.clock@example.com" is not among "EmailAddress"
    And there is no column "AccessCode"

  Scenario: A fan whose mail bounces or who complained is not written to
    Given the campaign "Aurora Lights"
    When marketing asks for "reminder-email" with
      | reminder_kind | result_ready |
      | audience      | active       |
    And the export is made
    Then "di.ng@example.org" is not among "EmailAddress"
    And "ida@example.com" is not among "EmailAddress"
    And "BO.LI@example.com" is among "EmailAddress"

  Scenario: An address that bounced for another account is not written to
    Given the campaign "Aurora Lights"
    And another account with "letin@example.com", which bounced
    When marketing asks for "reminder-email" with
      | reminder_kind | onsale_tomorrow |
    And the export is made
    Then "letin@example.com" is not among "EmailAddress"
    And the manifest counts 1 row as "address_suppressed"

  Scenario: A campaign without a data extension cannot be delivered
    Given the campaign "Boreal Nights"
    When marketing asks for "reminder-email" with
      | reminder_kind | onsale_tomorrow |
      | deliver       | ["sfmc"]        |
    Then it is refused because of "SFMC_DE_NOT_MAPPED"
    And nothing was recorded
