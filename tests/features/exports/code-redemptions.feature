Feature: How the codes did
  Analysts and settlement see which codes were used, and what was bought with them.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Every code that was assigned or used, each use once
    When analytics asks for "code-redemptions"
    And the export is made
    Then the file holds 8 rows
    And the row with the "code_id" "c0de0000-0000-4000-8000-000000000003" says
      | result                  | ok     |
      | tickets                 | 2      |
      | gross_amount            | 310.50 |
      | minutes_from_sale_start | 1      |
      | resale_listed           | Y      |

  Scenario: A code that nobody assigned was used all the same
    When analytics asks for "code-redemptions" with
      | result | ["ok"] |
    And the export is made
    Then the file holds 3 rows
    And the row with the "code_id" "c0de0000-0000-4000-8000-000000000008" says
      | assigned_at_utc |        |
      | gross_amount    | 299.99 |

  Scenario: Settlement gets one row a market and currency
    When settlement asks for "code-redemptions" with
      | level | market |
    And the export is made
    Then the row with the "currency" "CAD" says
      | market_key | vancouver-bc |
      | tickets    | 4            |
    And there is no column "code_id"
