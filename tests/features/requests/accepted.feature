Feature: A request is accepted once
  Whoever asks gets an answer at once, and one export however often the same request arrives.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: A request waits until a worker takes it, and ends in a file
    When marketing asks for "waitlist"
    Then it is accepted and waits
    And what can be done now is "self, cancel, events"
    When a worker begins it
    Then its status is "running"

  Scenario: The finished export can be fetched, and proves itself
    When marketing asks for "waitlist"
    And the export is made
    Then its status is "succeeded"
    And what can be done now is "self, delete, errors, lineage, manifest"
    And the file holds 33 rows
    And the manifest proves its files

  Scenario: The same request twice is one export
    When marketing asks for "waitlist"
    And the same request comes again with the same key
    Then it is the same export

  Scenario: The same request after the end is the same export, with its files
    When marketing asks for "waitlist"
    And the export is made
    And the same request comes again with the same key
    Then it is the same export
    And its status is "succeeded"

  Scenario: A key is for one request only
    When marketing asks for "waitlist"
    And another request comes with the same key
    Then it is refused with 422 "idempotency-key-reused"

  Scenario: An export is not shown to a caller of another campaign
    When marketing asks for "waitlist"
    And somebody looks at "/v1/exports"
    Then the answer lists 1 "exports"
    Given a caller of the campaign "Comet Club" only
    When somebody looks at "/v1/exports/{id}"
    Then it is refused with 404 "not-found"
    When somebody looks at "/v1/exports"
    Then the answer lists 0 "exports"
