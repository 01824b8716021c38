Feature: The scores
  What providers and people decided about each entry.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Every entry in the draw has a row, scored or not
    When datascience asks for "scores"
    And the export is made
    Then the file holds 53 rows
    And the row with the "entry_id" "66510000000000000000e002" says
      | band           | D        |
      | override_band  | B        |
      | override_by    | staff:jd |
      | effective_band | B        |
    And the row with the "entry_id" "66510000000000000000e004" says
      | band           | C |
      | override_band  |   |
      | effective_band | C |
    And the row with the "entry_id" "66510000000000000000e02e" says
      | score   |   |
      | missing | Y |

  Scenario: One band
    When datascience asks for "scores" with
      | bands | ["A"] |
    And the export is made
    Then "score" runs through "1.000000, 0.931200, 0.880000, 0.870000"

  Scenario: Scores are for those who may read them
    Given a caller without the scope "scores:read"
    When marketing asks for "scores" with
      | bands | ["A"] |
    Then it is refused with 403 "insufficient-scope"
    And the refusal names "scores:read, bands"
    When marketing asks for "scores"
    And the export is made
    Then the file holds 53 rows
    And there is no column "score"
    And there is no column "effective_band"
