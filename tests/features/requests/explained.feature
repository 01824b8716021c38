Feature: An export says where its rows went and where they came from
  Without a value of anybody: reasons are words, and sources are names.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: What became of the rows is told once the export has ended
    When marketing asks for "waitlist"
    And somebody looks at "/v1/exports/{id}/errors"
    Then it is refused with 409 "not-ready"
    When the export is made
    And somebody looks at "/v1/exports/{id}/errors"
    Then the answer is
      | status        | succeeded |
      | rows_rejected | 0         |
      | error         | null      |

  Scenario: An export that failed says why
    When lifecycle asks for "non-purchasers" with
      | freshness_hours | 168 |
    And the export is made
    And somebody looks at "/v1/exports/{id}/errors"
    Then the answer is
      | status        | failed |
      | rows_rejected | 0      |
    And the answer names the failure "ORDERS_NOT_FRESH"

  Scenario: Where the files come from
    When marketing asks for "waitlist"
    And the export is made
    And somebody looks at "/v1/exports/{id}/lineage"
    Then the answer is
      | run_id  | run-1 |
      | attempt | 1     |
    And the answer names the source "mongo entries"
    When its files outlive their time
    And somebody looks at "/v1/exports/{id}/lineage"
    Then it is refused with 410 "gone"
    When somebody looks at "/v1/exports/{id}/errors"
    Then the answer is
      | status        | expired |
