Feature: An export ends, one way or another
  It is stopped, it fails, it is tried again, and its files are deleted when their time is over.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: An export that waits is cancelled, and made later after all
    When marketing asks for "waitlist"
    And somebody asks to cancel it
    Then its status is "cancelled"
    And nothing of it is stored
    And what can be done now is "self, delete, errors, retry"
    When somebody asks to retry it
    And the export is made
    Then the file holds 33 rows

  Scenario: An export at work is told to stop
    When marketing asks for "waitlist"
    And a worker begins it
    And somebody asks to cancel it
    Then its status is "cancelling"
    And what can be done now is "self, events"

  Scenario: What is done is not undone
    When marketing asks for "waitlist"
    And the export is made
    And somebody asks to cancel it
    Then it is refused with 409 "illegal-transition"
    And the file holds 33 rows

  Scenario: A file that is not there yet cannot be fetched
    When marketing asks for "waitlist"
    And somebody looks at "/v1/exports/{id}/files/1"
    Then it is refused with 409 "not-ready"
    When somebody looks at "/v1/exports/{id}/manifest"
    Then it is refused with 409 "not-ready"

  Scenario: A partner that does not answer is asked again later
    Given a codes service that does not answer
    When ticketing asks for "codes"
    And the export is made
    Then it waits for attempt 2 because of "CODES_UNAVAILABLE"
    And nothing of it is stored

  Scenario: What cannot be right today is asked for again by a person
    When lifecycle asks for "non-purchasers" with
      | freshness_hours | 168 |
    And the export is made
    Then it fails with "ORDERS_NOT_FRESH"
    And nothing of it is stored
    And what can be done now is "self, delete, errors, retry"
    When somebody asks to retry it
    Then its status is "queued"

  Scenario: Files are deleted when their time is over, and made anew on request
    When marketing asks for "waitlist"
    And the export is made
    And its files outlive their time
    Then its status is "expired"
    And nothing of it is stored
    When somebody looks at "/v1/exports/{id}/files/1"
    Then it is refused with 410 "gone"
    When somebody asks to retry it
    And the export is made
    Then the file holds 33 rows

  Scenario: Who is done with the files deletes them, and the trail stays
    When marketing asks for "waitlist"
    And somebody deletes it
    Then it is refused with 409 "not-terminal"
    When the export is made
    And housekeeping comes by
    Then the file holds 33 rows
    When somebody deletes it
    And housekeeping comes by
    Then nothing of it is stored
    And its trail tells of "created, succeeded, delete"
    And it is known that somebody has downloaded it once
    When somebody looks at "/v1/exports/{id}"
    Then it is refused with 410 "gone"
    When somebody looks at "/v1/exports"
    Then the answer lists 0 "exports"
