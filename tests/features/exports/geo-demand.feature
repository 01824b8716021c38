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

  Scenario: Nobody can ask for smaller numbers than the campaign allows
    When touring asks for "geo-demand" with
      | k | 1 |
    And the export is made
    Then "fans" runs through "16, 47"

  Scenario: Even whole countries, where two of three would tell the third
    When touring asks for "geo-demand" with
      | level | country |
    And the export is made
    Then "area_code" runs through "OTHER, OTHER"
    And "tickets_requested" runs through "33, 99"
