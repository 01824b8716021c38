Feature: What a scoring provider gets
  Hashes and counts, by which a provider tells fans from bots.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: The internal model gets every entry in the draw, as Parquet, without an address
    When datascience asks for "scoring-input" with
      | deliver | ["scoring"] |
    And the export is made
    Then the file holds 53 rows
    And there is a column "email_sha256"
    And there is no column "email"
    And it was delivered to "scoring" with 53 rows

  Scenario: The second provider knows accounts, and no guests
    When datascience asks for "scoring-input" with
      | provider | vf             |
      | deliver  | ["vf_scoring"] |
    And the export is made
    Then the file holds 46 rows
    And it was delivered to "vf_scoring" with 46 rows

  Scenario: One provider's rows do not go to the other
    When datascience asks for "scoring-input" with
      | provider | vf          |
      | deliver  | ["scoring"] |
    Then it is refused because of "OPTIONS_CONFLICT"
