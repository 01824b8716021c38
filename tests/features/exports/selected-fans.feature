Feature: The selected fans
  Who was invited, by draw or from the waitlist.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: The promoter's liaison sees the nine who are invited
    When liaison asks for "selected-fans"
    And the export is made
    Then the file holds 9 rows
    And the row with the "email" "codesent@example.com" says
      | draw_rank          | 101  |
      | code_state         | sent |
      | fan_history_orders | 3    |

  Scenario: One wave of the draw
    When liaison asks for "selected-fans" with
      | wave | 1 |
    And the export is made
    Then "email" runs through "selected@example.com, codesent@example.com, redeemed@example.com"

  Scenario: A market of another campaign is refused
    When liaison asks for "selected-fans" with
      | markets | ["leeds"] |
    Then it is refused because of "UNKNOWN_MARKET"
