Feature: The waitlist
  Campaign managers decide from it who is let in next; marketing writes to those who wait.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: A campaign manager gets everybody who waits, by market and place
    When marketing asks for "waitlist"
    And the export is made
    Then the file holds 33 rows
    And the row with the "email" "di.ng@example.org" says
      | market_key      | new-york-ny  |
      | position        | 4            |
      | preference_rank | 2            |
      | other_markets   | vancouver-bc |
      | notified        | N            |
    And "eve.o@example.com" is not among "email"
    And the manifest proves its files

  Scenario: Those who were let in since are listed only when they are asked for
    When marketing asks for "waitlist" with
      | include_promoted | true |
    And the export is made
    Then "eve.o@example.com" is among "email"

  Scenario: The first two places of each market, a file a market, and one for legacy fans without
    When marketing asks for "waitlist" with
      | top_n           | 2    |
      | split_by_market | true |
    And the export is made
    Then there is a file for each of
      | los-angeles-ca | 2 |
      | new-york-ny    | 2 |
      | vancouver-bc   | 2 |
      |                | 2 |

  Scenario: Vancouver's waitlist goes to the campaign's data extension
    When marketing asks for "waitlist" with
      | markets | ["vancouver-bc"] |
      | deliver | ["sfmc"]         |
    And the export is made
    Then 2 rows were delivered to "WaitlistAudience"

  Scenario: One address of 33 that Marketing Cloud does not take is too many
    When marketing asks for "waitlist" with
      | deliver | ["sfmc"] |
    And the export is made
    Then it fails with "DELIVERY_REJECTED"
    And 1 rejected row is listed beside it
