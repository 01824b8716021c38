Feature: Demand by area
  Where fans live, never so small that one could be found.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Areas with fewer than ten fans are merged until none can be told
    When touring asks for "geo-demand"
    And the export is made
    Then "market_key" runs through "OTHER, new-york-ny"
    And "fans" runs through "16, 47"
    And "suppressed" runs through "Y, Y"

  Scenario: By country
    When touring asks for "geo-demand" with
      | level | country |
    And the export is made
    Then "US" is among "country"

  Scenario: The campaign's own bound cannot be lowered to one fan
    When touring asks for "geo-demand" with
      | k | 0 |
    Then it is refused with 400 "invalid-parameters"
    And the refusal names "/params/k"
