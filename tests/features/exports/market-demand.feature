Feature: Demand by market
  Promoter and agent decide on more dates.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Fans count in each market they chose, and once in the total
    When touring asks for "market-demand"
    And the export is made
    Then "market_key" runs through "new-york-ny, vancouver-bc, los-angeles-ca, TOTAL"
    And "fans_first_choice" runs through "42, 6, 4, 52"
    And "fans_any_preference" runs through "47, 10, 6, 52"
    And "tickets_requested" runs through "99, 21, 12, 132"

  Scenario: Each fan once, by first choice
    When touring asks for "market-demand" with
      | unique_fans | true |
    And the export is made
    Then "fans_any_preference" runs through "42, 6, 4, 52"

  Scenario: Outsiders see no small numbers
    When touring asks for "market-demand" with
      | audience | external |
    And the export is made
    Then "fans_any_preference" runs through "47, , , 52"
