Feature: What an export will come to is told before anybody asks for it
  A count where an index can count, and what earlier exports came to.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Before the first export of its kind there is a count to go by
    When somebody estimates "waitlist"
    Then the answer is
      | rows            | 44    |
      | rows_at_most    | 44    |
      | rows_from       | count |
      | bytes           | null  |
      | seconds         | null  |
      | athena          | null  |
    And nothing was recorded

  Scenario: After it the estimate is what it came to
    When marketing asks for "waitlist"
    And the export is made
    And somebody estimates "waitlist"
    Then the answer is
      | rows            | 33              |
      | rows_at_most    | 44              |
      | rows_from       | earlier_exports |
      | earlier_exports | 1               |
    And the estimate is as large and as long as the export was

  Scenario: What Athena scanned before is what it will cost
    When marketing asks for "email-engagement"
    And the export is made
    And somebody estimates "email-engagement"
    Then the answer is
      | rows_from       | earlier_exports |
    And the estimate is as large and as long as the export was
    And the estimate tells what Athena scanned

  Scenario: What cannot be asked for cannot be estimated
    Given a caller of the campaign "Comet Club" only
    When somebody estimates "waitlist"
    Then it is refused with 404 "not-found"
