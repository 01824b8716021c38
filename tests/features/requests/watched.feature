Feature: An export is watched without asking again and again
  Whoever waits is told of a change when it comes, and takes nothing from those who work.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Whoever follows it is told how it is, and how it ended
    When marketing asks for "waitlist"
    And the export is made
    And somebody looks at "/v1/exports/{id}/events"
    Then it is told "attempt, status, progress, done"

  Scenario: Whoever waits for a change is answered when it comes
    When marketing asks for "waitlist"
    And somebody waits for it until a worker begins it
    Then the answer is
      | status | running |

  Scenario: Whoever would rather wait for the file has it in one answer
    When marketing asks for "waitlist" and waits until the export is made
    Then the answer is
      | status | succeeded |
    And the file holds 33 rows

  Scenario: What machines ask of the bridge itself
    When somebody looks at "/metrics"
    Then it counts "bridge_requests_total" and "exports_database_up 1.0"
    When somebody looks at "/.well-known/export-signing-keys"
    Then the answer lists 0 "keys"
