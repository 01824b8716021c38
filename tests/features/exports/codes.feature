Feature: The codes
  Ticketing uploads them to the host; client services look them up.

  Background:
    Given the campaign "Aurora Lights"

  Scenario: Client services see who holds which code, and not the code
    When ticketing asks for "codes"
    And the export is made
    Then the file holds 11 rows
    And there is no column "code"
    And the row with the "code_id" "c0de0000-0000-4000-8000-000000000003" says
      | seq   | 2                    |
      | state | redeemed             |
      | email | redeemed@example.com |
    And "c0de0000-0000-4000-8000-000000000002" is not among "code_id"

  Scenario: The host gets bare codes that no spreadsheet has touched
    When ticketing asks for "codes" with
      | layout | "host_upload" |
      | reveal | true          |
    And the export is made
    Then the lines of the file are
      | -AB12               |
      | 0012345678901234567 |
      | 1E10                |
      | ALH6JD8FGU          |
      | ALQ7ZB5CYE          |
      | AURORAFANS          |
      | MAR1                |
      | TRUE                |

  Scenario: Nobody sees a code without the scope for it
    Given a caller without the scope "codes:reveal"
    When ticketing asks for "codes" with
      | reveal | true |
    Then it is refused with 403 "insufficient-scope"
    And the refusal names "codes:reveal"

  Scenario: A list of codes that hides the codes is refused
    When ticketing asks for "codes" with
      | layout | "host_upload" |
    Then it is refused because of "OPTIONS_CONFLICT"
