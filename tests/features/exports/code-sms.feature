Feature: The codes by text message
  The most urgent file there is: the code, to the fan's own telephone, and to nobody else.

  Scenario: Two fans can be texted, four are written to instead
    Given the campaign "Aurora Lights"
    When messaging asks for "code-sms" with
      | deliver | ["sfmc"] |
    And the export is made
    Then 2 rows were delivered to "CodeSmsAudience"
    And the row with the "AccessCode" "0012345678901234567" says
      | _MobileNumber | 14045550150 |
      | _FirstName    | Sel         |
    And the "untextable" file holds 4 rows
    And nobody can download it

  Scenario: Nobody texts codes without the scope for codes
    Given the campaign "Aurora Lights"
    And a caller without the scope "codes:reveal"
    When messaging asks for "code-sms"
    Then it is refused because of "CODES_NOT_REVEALED"

  Scenario: There is nothing to text before the draw
    Given the campaign "Comet Club"
    When messaging asks for "code-sms"
    Then it is refused because of "CAMPAIGN_NOT_ALLOCATED"
