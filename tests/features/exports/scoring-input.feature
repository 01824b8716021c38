Feature: What a scoring provider gets
  Hashes and counts, by which a provider tells fans from bots.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: The internal model gets every live entry, as Parquet, without an address
    When datascience asks for "scoring-input" with
      | deliver | ["scoring"] |
    And the export is made
    Then the file holds 55 rows
    And there is a column "email_sha256"
    And there is no column "email"
    And its status is "succeeded"

  Scenario: The second provider knows accounts, and no guests
    When datascience asks for "scoring-input" with
      | provider | vf             |
      | deliver  | ["vf_scoring"] |
    And the export is made
    Then the file holds 48 rows

  Scenario: One provider's rows do not go to the other
    When datascience asks for "scoring-input" with
      | provider | vf          |
      | deliver  | ["scoring"] |
    Then it is refused because of "OPTIONS_CONFLICT"
