Feature: From a request to a file
  Marketing asks for an export and holds a file that can be proved, or learns why there is none.

  Scenario: Somebody asks for the waitlist and downloads it
    Given a campaign with 60 registrations
    When the waitlist is asked for
    And the sensor looks at the queue
    And Dagster runs what the sensor asked for
    Then the export has succeeded
    And its file can be downloaded and holds as many rows as it says
    And verifying the manifest finds nothing wrong

  Scenario: An export that waits is cancelled
    Given a campaign with 60 registrations
    When the waitlist is asked for
    And it is cancelled
    And the sensor looks at the queue
    Then no run was asked for
    And the export is cancelled and nothing is stored

  Scenario: One rotten registration does not cost the others their place
    Given a campaign with 60 registrations
    And a registration whose name is a number
    When the waitlist is asked for
    And the sensor looks at the queue
    And Dagster runs what the sensor asked for
    Then the export has succeeded
    And one row is a counted reject

  Scenario: Somebody presses "Materialize" in Dagster
    Given a campaign with 60 registrations
    When the partition of the campaign is materialised in Dagster
    Then the export has succeeded
    And the API would show it with the origin dagster
    And its file can be downloaded and holds as many rows as it says
